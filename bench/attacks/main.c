/* attack GROUP NAME | attack list

   One attack on the malloc of this process. It ends with 0 if the goal was not reached, with 3 if it was, and in any other
   way if someone has ended it. Marks on the standard error say how far it was. */
#include "attack.h"

#include <signal.h>
#include <sys/resource.h>

char *blocks[MOST];
char elsewhere[4096];

static void mark(const char *text) {
    if (write(2, text, strlen(text)) < 0) _exit(4);
}

void reached(void) { _exit(3); }
void wrong_call(void) { mark("@call\n"); }
void wrong_access(void) { mark("@access\n"); }
void afterwards(void) { mark("@after\n"); }

size_t some(size_t size) { return size <= 256 ? 4000 : size <= 8192 ? 1000 : size <= 1 << 20 ? 40 : 4; }
size_t lots(size_t size) { return ((size_t)4 << 20) / size; }

void fill(size_t count, size_t size) {
    for (size_t i = 0; i < count; i++) blocks[i] = make(size);
}

void drop_filled(size_t count) {
    for (size_t i = 0; i < count; i++) drop(blocks[i]);
}

static void *drops(void *block) {
    drop(block);
    return NULL;
}

void drop_elsewhere(void *block) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, drops, block) != 0) _exit(4);
    pthread_join(thread, NULL);
}

void given_out(const char *target, size_t len, size_t size) {
    for (size_t i = 0; i < some(size); i++) {
        char *block = make(size);
        if (block && block < target + len && block + size > target) reached();
    }
}

void given_twice(size_t size) {
    static char *fresh[4000];
    size_t count = some(size);
    for (size_t i = 0; i < count; i++) fresh[i] = make(size);
    /* Sorted here: qsort may allocate. */
    for (size_t gap = count / 2; gap > 0; gap /= 2) {
        for (size_t i = gap; i < count; i++) {
            char *block = fresh[i];
            size_t at = i;
            for (; at >= gap && fresh[at - gap] > block; at -= gap) fresh[at] = fresh[at - gap];
            fresh[at] = block;
        }
    }
    for (size_t i = 1; i < count; i++)
        if (fresh[i - 1] && fresh[i - 1] + size > fresh[i]) reached();
}

char *long_freed(size_t size) {
    static char *others[4000];
    size_t count = some(size);
    for (size_t i = 0; i < count / 2; i++) others[i] = make(size);
    char *block = make(size);
    for (size_t i = count / 2; i < count; i++) others[i] = make(size);
    drop(block);
    for (size_t i = 0; i < count; i += 2) drop(others[i]);
    return block;
}

static const struct {
    const char *name;
    const struct attack *attacks;
} groups[] = {
    {"double free", double_frees},   {"invalid free", invalid_frees},      {"wrong delete", wrong_deletes},
    {"overflow", overflows},         {"underflow", underflows},            {"1 MiB", far_writes},
    {"use after free", uses_after_free}, {"metadata", metadata},           {"zero size", zero_sizes},
    {"requests", requests},
};

int main(int argc, char **argv) {
    static const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    alarm(20);
    int lists = argc == 2 && strcmp(argv[1], "list") == 0;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        for (const struct attack *attack = groups[i].attacks; attack->name; attack++) {
            if (lists) printf("%s\t%s\t%s\n", groups[i].name, attack->name, attack->goal);
            if (argc == 3 && strcmp(argv[1], groups[i].name) == 0 && strcmp(argv[2], attack->name) == 0) {
                attack->run();
                _exit(0);
            }
        }
    }
    return lists ? 0 : 2;
}
