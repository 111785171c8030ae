/* pairs PATTERN SIZE PAIRS ROUNDS [empty]

   Rounds of pairs of malloc and free by one thread, to be counted by instructions; with `empty` the same loop without them. A
   pattern starts full, and each pair frees a block that is there: a free of null would be cheaper. SIZE 0 stands for
   16 to 1,008 bytes. Between two rounds there is a SIGUSR1, which is ignored: a mark for who counts steps. */
#include "common.h"

#include <signal.h>

enum { SLOTS = 1024, LOOSE = 900, DEPTH = 64 };

static void *slots[SLOTS];
static uint64_t state = 31;
static size_t pairs;

/* Hides from the compiler what `block` is. */
#define OPAQUE(block) __asm__ volatile("" : "+r"(block) : : "memory")

#define ALWAYS static inline __attribute__((always_inline))

ALWAYS void *made(size_t size, int real) {
    void *block = slots;
    if (real) block = malloc(size);
    OPAQUE(block);
    return block;
}

ALWAYS void freed(void *block, int real) {
    OPAQUE(block);
    if (real) free(block);
}

ALWAYS size_t asked(size_t size) { return size ? size : 16 + draw(&state) % 993; }

ALWAYS void lifo(size_t depth, size_t size, int real) {
    for (size_t pair = 0; pair < pairs; pair += depth) {
        for (size_t i = 0; i < depth; i++) slots[i] = made(asked(size), real);
        for (size_t i = depth; i-- > 0;) freed(slots[i], real);
    }
}

ALWAYS void fifo(size_t size, int real) {
    for (size_t pair = 0; pair < pairs; pair++) {
        freed(slots[pair % DEPTH], real);
        slots[pair % DEPTH] = made(asked(size), real);
    }
}

ALWAYS void random_slot(size_t slots_used, size_t size, int real) {
    for (size_t pair = 0; pair < pairs; pair++) {
        size_t at = draw(&state) % slots_used;
        freed(slots[at], real);
        slots[at] = made(asked(size), real);
    }
}

ALWAYS void round_of(const char *pattern, size_t size, int real) {
    if (strcmp(pattern, "lifo1") == 0) lifo(1, size, real);
    else if (strcmp(pattern, "lifo") == 0) lifo(DEPTH, size, real);
    else if (strcmp(pattern, "fifo") == 0) fifo(size, real);
    else if (strcmp(pattern, "rand") == 0) random_slot(SLOTS, size, real);
    else random_slot(LOOSE, size, real);
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fputs("usage: pairs lifo1|lifo|fifo|rand|loose SIZE PAIRS ROUNDS [empty]\n", stderr);
        return 2;
    }
    size_t size = (size_t)atol(argv[2]);
    int real = argc == 5;
    pairs = (size_t)atol(argv[3]);
    signal(SIGUSR1, SIG_IGN);
    size_t live = strcmp(argv[1], "rand") == 0 ? SLOTS : strcmp(argv[1], "loose") == 0 ? LOOSE : strcmp(argv[1], "fifo") == 0 ? DEPTH : 0;
    for (size_t i = 0; i < live; i++) slots[i] = made(asked(size), real);
    for (long round = atol(argv[4]); round-- > 0;) {
        round_of(argv[1], size, real);
        raise(SIGUSR1);
    }
    return 0;
}
