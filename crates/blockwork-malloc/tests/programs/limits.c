/* Takes all that a limit allows, gives it back, and takes it again, three times; by
   the size of blocks in the arguments. */
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>

struct node { struct node *next; };

static size_t exhaust(size_t size) {
    struct node *all = NULL;
    size_t count = 0;
    for (;;) {
        errno = 0;
        struct node *node = (struct node *)malloc(size);
        if (!node) break;
        memset(node, 1, size < 4096 ? size : 4096);
        node->next = all;
        all = node;
        count++;
    }
    CHECK(errno == ENOMEM);
    errno = 0;
    CHECK(calloc(1, (size_t)1 << 40) == NULL && errno == ENOMEM);
    while (all) {
        struct node *next = all->next;
        free(all);
        all = next;
    }
    return count;
}

static void *in_thread(void *size) {
    exhaust((size_t)size);
    return NULL;
}

int main(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        size_t size = strtoul(arguments[i], NULL, 10), first = exhaust(size);
        CHECK(first > 0);
        for (int again = 0; again < 2; again++) {
            size_t now = exhaust(size);
            if (now < first / 10 * 8) fprintf(stderr, "%zu bytes: %zu, then %zu\n", size, first, now);
            CHECK(now >= first / 10 * 8);
        }
        printf("%zu of %zu bytes: %zu MiB\n", first, size, first * size >> 20);
        pthread_t thread;
        if (pthread_create(&thread, NULL, in_thread, (void *)size) == 0) pthread_join(thread, NULL);
    }
    puts("done");
    return 0;
}
