/* What the attacks share: README.md says what an attack is, and how its end is judged. */
#ifndef ATTACK_H
#define ATTACK_H

#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of a slab in every malloc; of one in most; of none in most; mapped by itself in most. */
enum { SMALL = 40, MEDIUM = 3000, LARGE = 100000, MAPPED = 20 << 20 };

/* The most blocks at a time. */
enum { MOST = 1 << 17 };

/* One attack: its name, what it is after, and how. */
struct attack {
    const char *name, *goal;
    void (*run)(void);
};

extern const struct attack double_frees[], invalid_frees[], wrong_deletes[], overflows[], underflows[], far_writes[];
extern const struct attack uses_after_free[], metadata[], zero_sizes[], requests[];

/* Blocks of the attack at hand. */
extern char *blocks[MOST];

/* Memory that no malloc has given. */
extern char elsewhere[4096];

/* The goal is reached: the malloc has missed it. */
_Noreturn void reached(void);

/* What follows is the mistake: a call of the malloc, or an access of the program's own. */
void wrong_call(void);
void wrong_access(void);

/* The mistake is made, and what follows takes advantage of it. */
void afterwards(void);

/* Hides from the compiler where a pointer is from. */
static inline void *opaque(const void *pointer) {
    void *hidden = (void *)(uintptr_t)pointer;
    __asm__ volatile("" : "+r"(hidden) : : "memory");
    return hidden;
}

static inline char *make(size_t size) { return opaque(malloc(size)); }
static inline void drop(void *block) { free(opaque(block)); }

/* So many blocks as are some of a size, but no burden. */
size_t some(size_t size);

/* The same, of four megabytes together. */
size_t lots(size_t size);

void fill(size_t count, size_t size);
void drop_filled(size_t count);

/* By another thread. */
void drop_elsewhere(void *block);

/* Reached if new blocks of `size` are given out of the `len` bytes at `target`, which are not free. */
void given_out(const char *target, size_t len, size_t size);

/* Reached if two new blocks of `size` overlap. */
void given_twice(size_t size);

/* Makes others of the size allocated and freed, so that what was freed before is in a list. */
char *long_freed(size_t size);

#endif
