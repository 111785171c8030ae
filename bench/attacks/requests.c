/* Requests that are none, or cannot be: no bytes, too many, memory to run code in. */
#include "attack.h"

/* ---- no bytes ---- */

static char *by_malloc(void) { return malloc(0); }
static char *by_calloc(void) { return calloc(0, 8); }
static char *by_calloc_of_none(void) { return calloc(8, 0); }
static char *by_realloc(void) { return realloc(NULL, 0); }
static char *by_aligned(void) { return aligned_alloc(64, 0); }

static char *by_posix(void) {
    void *block = NULL;
    return posix_memalign(&block, 64, 0) == 0 ? block : NULL;
}

static void reads(char *(*made)(void)) {
    volatile char *block = opaque(made());
    wrong_access();
    (void)block[0];
    afterwards();
    reached();
}

static void writes(char *(*made)(void)) {
    volatile char *block = opaque(made());
    wrong_access();
    block[0] = 1;
    afterwards();
    reached();
}

#define CASE(how)                                        \
    static void read_##how(void) { reads(by_##how); } \
    static void write_##how(void) { writes(by_##how); }
CASE(malloc)
CASE(calloc)
CASE(calloc_of_none)
CASE(realloc)
CASE(aligned)
CASE(posix)

#define READ "a byte can be read"
#define WRITTEN "a byte can be written"

const struct attack zero_sizes[] = {
    {"malloc, read", READ, read_malloc},
    {"malloc, written", WRITTEN, write_malloc},
    {"calloc of none, read", READ, read_calloc},
    {"calloc of none, written", WRITTEN, write_calloc},
    {"calloc of nothing, read", READ, read_calloc_of_none},
    {"calloc of nothing, written", WRITTEN, write_calloc_of_none},
    {"realloc, read", READ, read_realloc},
    {"realloc, written", WRITTEN, write_realloc},
    {"aligned_alloc, read", READ, read_aligned},
    {"aligned_alloc, written", WRITTEN, write_aligned},
    {"posix_memalign, read", READ, read_posix},
    {"posix_memalign, written", WRITTEN, write_posix},
    {0},
};

/* ---- what cannot or must not be ---- */

/* Puts a return instruction into a block, and calls it. */
static void runs(size_t size) {
    unsigned char *block = (unsigned char *)make(size);
#if defined(__x86_64__)
    block[0] = 0xc3;
#elif defined(__aarch64__)
    memcpy(block, "\xc0\x03\x5f\xd6", 4);
    __builtin___clear_cache((char *)block, (char *)block + 4);
#endif
    void (*run)(void);
    memcpy(&run, &block, sizeof run);
    wrong_access();
    run();
    afterwards();
    reached();
}

static void runs_small(void) { runs(SMALL); }
static void runs_large(void) { runs(LARGE); }

static void given(const void *block) {
    afterwards();
    if (block) reached();
}

static void too_much(void) {
    size_t size = (size_t)PTRDIFF_MAX + 2;
    wrong_call();
    given(opaque(malloc((size_t)opaque((void *)size))));
}

static void product(void) {
    size_t count = ((size_t)1 << 62) + 8;
    wrong_call();
    given(opaque(calloc((size_t)opaque((void *)count), 4)));
}

static void realloc_too_much(void) {
    char *block = make(SMALL);
    wrong_call();
    given(opaque(realloc(block, (size_t)opaque((void *)(SIZE_MAX - 8)))));
    block[0] = 1;
    drop(block);
}

static void aligned_too_much(void) {
    wrong_call();
    given(opaque(aligned_alloc(4096, (size_t)opaque((void *)(SIZE_MAX - 4095)))));
}

const struct attack requests[] = {
    {"code in a small block", "it runs", runs_small},
    {"code in a large block", "it runs", runs_large},
    {"more than half of all addresses", "a block", too_much},
    {"calloc of a product beyond all numbers", "a block", product},
    {"realloc to nearly all addresses", "a block", realloc_too_much},
    {"aligned_alloc of nearly all addresses", "a block", aligned_too_much},
    {0},
};
