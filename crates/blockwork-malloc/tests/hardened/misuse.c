/* misuse CASE

   One mistake with memory, or attack on a malloc, each. Exits with 0 if nobody has noticed by the end of it, and with 3 if an attack has
   got what it wants. */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 1000, SIZE = 40 };

/* Of C23, and C++'s sized delete: as the preload library has them, or none. */
extern void free_sized(void *, size_t) __attribute__((weak));
extern void _ZdlPvm(void *, size_t) __attribute__((weak));

static char *blocks[MANY];
static char unallocated[4096];

/* Hides from the compiler where a pointer is from. */
static void *opaque(void *pointer) {
    __asm__ volatile("" : "+r"(pointer) : : "memory");
    return pointer;
}

static char *make(size_t size) { return opaque(malloc(size)); }
static void drop(void *block) { free(opaque(block)); }

static void fill(size_t size) {
    for (int i = 0; i < MANY; i++) blocks[i] = make(size);
}

static void drop_all(void) {
    for (int i = 0; i < MANY; i++) drop(blocks[i]);
}

/* So many frees that what was freed before is in a list, and not only waiting. */
static char *long_freed(size_t size) {
    fill(size);
    char *block = make(size);
    drop(block);
    drop_all();
    return block;
}

/* So many allocations that every free block is asked for. */
static void take_all(size_t size) {
    for (int i = 0; i < 4 * MANY; i++) {
        char *block = make(size);
        if (block >= unallocated && block < unallocated + sizeof unallocated) exit(3);
    }
}

static void *drops(void *block) {
    drop(block);
    return NULL;
}

static void drop_elsewhere(void *block) {
    pthread_t thread;
    pthread_create(&thread, NULL, drops, block);
    pthread_join(thread, NULL);
}

/* ---- frees that are none ---- */

static void double_free(void) {
    char *block = make(SIZE);
    drop(block);
    drop(block);
}

static void double_free_delayed(void) {
    char *block = make(SIZE);
    fill(SIZE);
    drop(block);
    drop_all();
    drop(block);
}

static void double_free_then_elsewhere(void) {
    char *block = make(SIZE);
    drop(block);
    drop_elsewhere(block);
}

static void double_free_elsewhere_then_here(void) {
    char *block = make(SIZE);
    drop_elsewhere(block);
    drop(block);
}

static void double_free_by_two_others(void) {
    char *block = make(SIZE);
    drop_elsewhere(block);
    drop_elsewhere(block);
}

static void double_free_span(void) {
    char *block = make(100000);
    drop(block);
    drop(block);
}

static void double_free_mapping(void) {
    char *block = make(20 << 20);
    drop(block);
    drop(block);
}

static void free_interior(void) { drop(make(SIZE) + 16); }
static void free_misaligned(void) { drop(make(SIZE) + 1); }
static void free_interior_elsewhere(void) { drop_elsewhere(make(SIZE) + 16); }
static void free_interior_of_span(void) { drop(make(300000) + 16); }
static void free_page_of_span(void) { drop(make(300000) + 65536); }
static void free_static(void) { drop(unallocated + 64); }

static void free_stack(void) {
    char local[64];
    drop(local);
}

static void free_anywhere(void) { drop((void *)(uintptr_t)0x123456789000); }

static void free_never_allocated(void) {
    char *block = make(1000);
    /* The next one of the same slab, or the one before. */
    size_t size = malloc_usable_size(block) + 8;
    drop(((uintptr_t)block & 0xffff) + 2 * size < 0x10000 ? block + size : block - size);
}

static void free_with_wrong_size(void) {
    if (free_sized) free_sized(opaque(make(SIZE)), 400);
}

static void delete_with_wrong_size(void) {
    if (_ZdlPvm) _ZdlPvm(opaque(make(SIZE)), 400);
}

static void free_span_with_wrong_size(void) {
    if (free_sized) free_sized(opaque(make(300000)), 40);
}

static void realloc_freed(void) {
    char *block = make(SIZE);
    drop(block);
    opaque(realloc(opaque(block), 80));
}

static void realloc_interior(void) { opaque(realloc(make(SIZE) + 16, 80)); }

/* ---- writes beyond a block ---- */

static void overflow_by_one(void) {
    char *block = make(SIZE);
    block[malloc_usable_size(block)] ^= 1;
    drop(block);
}

static void overflow_of_string(void) {
    char *block = make(SIZE);
    memset(block, 'a', malloc_usable_size(block));
    block[malloc_usable_size(block)] = 0;
    drop(block);
}

static void overflow_elsewhere(void) {
    char *block = make(SIZE);
    block[malloc_usable_size(block)] ^= 1;
    drop_elsewhere(block);
}

static void underflow_by_one(void) {
    fill(SIZE);
    for (int i = 0; i < MANY; i++) blocks[i][-1] ^= 1;
    drop_all();
}

/* Over the end of live blocks into the links of freed ones. */
static void overflow_into_links(void) {
    fill(SIZE);
    for (int i = 0; i < MANY; i += 2) drop(blocks[i]);
    for (int i = 1; i < MANY; i += 2) {
        uintptr_t *end = (uintptr_t *)(blocks[i] + malloc_usable_size(blocks[i]));
        for (int word = 0; word < 3; word++) end[word] = (uintptr_t)(unallocated + 64);
    }
    take_all(SIZE);
}

static void overflow_of_span(void) {
    char *block = make(300000);
    block[malloc_usable_size(block)] = 1;
    drop(block);
}

static void overflow_of_mapping(void) {
    char *block = make(20 << 20);
    block[malloc_usable_size(block)] = 1;
    drop(block);
}

static void underflow_of_mapping(void) {
    char *block = make(20 << 20);
    block[-1] = 1;
    drop(block);
}

static void overflow_without_end(void) {
    char *block = make(SIZE);
    for (size_t i = 0; i < (size_t)64 << 20; i++) block[i] = 1;
}

/* ---- uses after a free ---- */

static void write_soon_after_free(void) {
    char *block = make(SIZE);
    fill(SIZE);
    drop(block);
    *(uintptr_t *)opaque(block) = (uintptr_t)(unallocated + 64);
    drop_all();
}

static void write_link(void) {
    char *block = long_freed(SIZE);
    *(uintptr_t *)opaque(block) = (uintptr_t)(unallocated + 64);
    take_all(SIZE);
}

static void write_link_of_zero(void) {
    char *block = long_freed(SIZE);
    *(uintptr_t *)opaque(block) = 0;
    take_all(SIZE);
}

static void write_behind_link(void) {
    char *block = long_freed(SIZE);
    *(uintptr_t *)opaque(block + 8) = 1;
    take_all(SIZE);
}

static void write_all(void) {
    char *block = long_freed(SIZE);
    memset(opaque(block), 'a', SIZE);
    take_all(SIZE);
}

static void write_late(void) {
    char *block = make(SIZE);
    fill(SIZE);
    drop(block);
    block[24] = 1;
    drop_all();
}

static void write_after_free_elsewhere(void) {
    char *block = make(SIZE);
    drop_elsewhere(block);
    *(uintptr_t *)opaque(block) = (uintptr_t)(unallocated + 64);
    take_all(SIZE);
}

static void read_after_free(void) {
    char *block = make(SIZE);
    memset(block, 's', SIZE);
    drop(block);
    if (memchr(opaque(block), 's', SIZE)) exit(3);
}

static void reuse_at_once(void) {
    char *block = make(SIZE);
    drop(block);
    if (make(SIZE) == block) exit(3);
}

/* ---- attacks on what is said of blocks ---- */

/* A link to the middle of a live block that is dressed as a freed one. */
static void forge_inside_of_block(void) {
    char *block = long_freed(1000);
    char *mine = make(1000);
    for (int at = 0; at + 32 <= 960; at += 32) memcpy(mine + at, opaque(block), 16);
    *(uintptr_t *)opaque(block) = (uintptr_t)(mine + 512);
    for (int i = 0; i < 4 * MANY; i++)
        if (make(1000) == mine + 512) exit(3);
}

/* A link to a live block, to have it twice. */
static void link_to_live_block(void) {
    char *live = make(SIZE);
    char *block = long_freed(SIZE);
    *(uintptr_t *)opaque(block) = (uintptr_t)live;
    for (int i = 0; i < 4 * MANY; i++)
        if (make(SIZE) == live) exit(3);
}

/* A link to a free block that is smaller. */
static void link_to_smaller_block(void) {
    char *small = long_freed(SIZE);
    char *block = long_freed(400);
    *(uintptr_t *)opaque(block) = (uintptr_t)small;
    for (int i = 0; i < 4 * MANY; i++)
        if (make(400) == small) exit(3);
}

/* A link of a block to itself, to have that twice. */
static void link_to_itself(void) {
    char *block = long_freed(SIZE);
    *(uintptr_t *)opaque(block) = (uintptr_t)block;
    int seen = 0;
    for (int i = 0; i < 4 * MANY; i++) seen += make(SIZE) == block;
    if (seen > 1) exit(3);
}

static void none(void) {
    fill(SIZE);
    for (int i = 0; i < MANY; i++) memset(blocks[i], 1, malloc_usable_size(blocks[i]));
    drop_all();
    drop_elsewhere(make(SIZE));
    drop(make(300000));
    drop(make(20 << 20));
    drop(NULL);
    if (free_sized) free_sized(make(SIZE), SIZE);
    /* What stays where it is has its new size. */
    for (size_t size = 1; free_sized && size <= 200000; size += 1 + size / 8) free_sized(opaque(realloc(make(200000), size)), size);
    if (_ZdlPvm) _ZdlPvm(make(300000), 300000);
}

#define CASE(name) {#name, name}
static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    CASE(none), CASE(double_free), CASE(double_free_delayed), CASE(double_free_then_elsewhere), CASE(double_free_elsewhere_then_here),
    CASE(double_free_by_two_others), CASE(double_free_span), CASE(double_free_mapping), CASE(free_interior), CASE(free_misaligned),
    CASE(free_interior_elsewhere), CASE(free_interior_of_span), CASE(free_page_of_span), CASE(free_static), CASE(free_stack),
    CASE(free_anywhere), CASE(free_never_allocated), CASE(free_with_wrong_size), CASE(delete_with_wrong_size),
    CASE(free_span_with_wrong_size), CASE(realloc_freed), CASE(realloc_interior), CASE(overflow_by_one), CASE(overflow_of_string),
    CASE(overflow_elsewhere), CASE(underflow_by_one), CASE(overflow_into_links), CASE(overflow_of_span), CASE(overflow_of_mapping),
    CASE(underflow_of_mapping), CASE(overflow_without_end), CASE(write_soon_after_free), CASE(write_link), CASE(write_link_of_zero),
    CASE(write_behind_link), CASE(write_all), CASE(write_late), CASE(write_after_free_elsewhere), CASE(read_after_free),
    CASE(reuse_at_once), CASE(forge_inside_of_block), CASE(link_to_live_block), CASE(link_to_smaller_block), CASE(link_to_itself),
};

int main(int argc, char **argv) {
    for (size_t i = 0; argc == 2 && i < sizeof cases / sizeof *cases; i++) {
        if (strcmp(cases[i].name, argv[1]) == 0) {
            cases[i].run();
            return 0;
        }
        if (strcmp(argv[1], "list") == 0) puts(cases[i].name);
    }
    return argc == 2 && strcmp(argv[1], "list") == 0 ? 0 : 2;
}
