/* Lives within a limit on memory, not on addresses: each round uses most of it in blocks of another size, in a
   thread of its own, and is stopped by the system if what the last round freed has not gone back or been used again.
   confined BYTES ROUNDS. */
#include "check.h"
#include <pthread.h>

static size_t bytes;

static void *round_of(void *argument) {
    size_t size = (size_t)argument, count = bytes / size;
    char **blocks = (char **)malloc(count * sizeof *blocks);
    CHECK(blocks);
    for (size_t i = 0; i < count; i++) {
        blocks[i] = (char *)malloc(size);
        CHECK(blocks[i]);
        fill(blocks[i], size, (unsigned)i);
    }
    for (size_t i = 0; i < count; i++) {
        CHECK(blocks[i][size - 1] == (char)i);
        free(blocks[i]);
    }
    free(blocks);
    return NULL;
}

int main(int count, char **arguments) {
    static const size_t sizes[] = {100, 3000, 100000, 900, 3 << 20, 20000, 20 << 20, 40000};
    CHECK(count == 3);
    bytes = strtoul(arguments[1], NULL, 10);
    for (long round = 0; round < atol(arguments[2]); round++) {
        pthread_t thread;
        void *size = (void *)sizes[(size_t)round % (sizeof sizes / sizeof *sizes)];
        CHECK(pthread_create(&thread, NULL, round_of, size) == 0 && pthread_join(thread, NULL) == 0);
    }
    puts("done");
    return 0;
}
