/* Writes beyond the ends of blocks. */
#include "attack.h"

enum { OURS = 0x5a, WRITTEN = 0x27 };

static size_t sizes[MOST];
static char source[1 << 20];

/* Live blocks of `size`, all that is theirs written. */
static size_t living(size_t count, size_t size, size_t from) {
    for (size_t i = from; i < from + count; i++) {
        blocks[i] = make(size);
        sizes[i] = malloc_usable_size(blocks[i]);
        memset(blocks[i], OURS, sizes[i]);
    }
    return from + count;
}

/* Whether another block than that of number `but` has been written. */
static int is_harmed(size_t count, size_t but) {
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; i != but && at < sizes[i]; at++)
            if (blocks[i][at] != OURS) return 1;
    return 0;
}

/* By stores of the program's own from `at` on, or, with the block, by a library function that a malloc may have replaced. */
static void written(char *at, size_t len) {
    wrong_access();
    volatile char *to = opaque(at);
    for (size_t i = 0; i < len; i++) to[i] = WRITTEN;
    afterwards();
}

static void copied(char *at, size_t len) {
    memset(source, WRITTEN, len);
    wrong_access();
    memcpy(opaque(at), opaque(source), len);
    afterwards();
}

/* After the write all is freed: who has not been told of harm by then is not. */
static void settled(size_t count, size_t writer, size_t size) {
    int harmed = is_harmed(count, writer);
    drop_filled(count);
    if (harmed) reached();
    given_twice(size);
}

static void over(size_t size, size_t len, int by_function) {
    size_t count = living(some(size) / 2, size, 0), writer = count / 2;
    char *block = blocks[writer];
    if (by_function) copied(block, sizes[writer] + len);
    else written(block + sizes[writer], len);
    settled(count, writer, size);
}

static void under(size_t size, size_t len, int by_function) {
    size_t count = living(some(size) / 2, size, 0), writer = count / 2;
    char *block = blocks[writer];
    if (by_function) copied(block - len, sizes[writer] + len);
    else written(block - len, len);
    settled(count, writer, size);
}

enum { STORES = 0, FUNCTION = 1 };

#define CASE(way, size, len, how)                      \
    static void way##_##size##_##len##_##how(void) { \
        way(size, len, how);                           \
    }
#define CASES(way)                    \
    CASE(way, SMALL, 1, STORES)       \
    CASE(way, SMALL, 1, FUNCTION)     \
    CASE(way, SMALL, 32, STORES)      \
    CASE(way, SMALL, 32, FUNCTION)    \
    CASE(way, MEDIUM, 1, STORES)      \
    CASE(way, MEDIUM, 1, FUNCTION)    \
    CASE(way, MEDIUM, 32, STORES)     \
    CASE(way, MEDIUM, 32, FUNCTION)   \
    CASE(way, LARGE, 1, STORES)       \
    CASE(way, LARGE, 1, FUNCTION)     \
    CASE(way, LARGE, 32, STORES)      \
    CASE(way, LARGE, 32, FUNCTION)

CASES(over)
CASES(under)

#define HARMED "another block is written, and nobody says so until it is freed"

#define ROWS(way)                                                     \
    {"small, 1 byte", HARMED, way##_SMALL_1_STORES},                  \
    {"small, 1 byte, memcpy", HARMED, way##_SMALL_1_FUNCTION},        \
    {"small, 32 bytes", HARMED, way##_SMALL_32_STORES},               \
    {"small, 32 bytes, memcpy", HARMED, way##_SMALL_32_FUNCTION},     \
    {"medium, 1 byte", HARMED, way##_MEDIUM_1_STORES},                \
    {"medium, 1 byte, memcpy", HARMED, way##_MEDIUM_1_FUNCTION},      \
    {"medium, 32 bytes", HARMED, way##_MEDIUM_32_STORES},             \
    {"medium, 32 bytes, memcpy", HARMED, way##_MEDIUM_32_FUNCTION},   \
    {"large, 1 byte", HARMED, way##_LARGE_1_STORES},                  \
    {"large, 1 byte, memcpy", HARMED, way##_LARGE_1_FUNCTION},        \
    {"large, 32 bytes", HARMED, way##_LARGE_32_STORES},               \
    {"large, 32 bytes, memcpy", HARMED, way##_LARGE_32_FUNCTION},     \
    {0},

const struct attack overflows[] = {ROWS(over)};
const struct attack underflows[] = {ROWS(under)};

/* ---- far ---- */

enum { FAR = 1 << 20 };

/* From the middle of four megabytes of blocks, of the same size or of two others as well. */
static void far(size_t size, int over, int mixed) {
    size_t count = living(lots(size) / 2, size, 0);
    if (mixed) count = living(lots(200) / 4, 200, living(lots(10000) / 4, 10000, count));
    size_t writer = count;
    char *block = NULL;
    count = living(1, size, count);
    block = blocks[writer];
    if (mixed) count = living(lots(200) / 4, 200, living(lots(10000) / 4, 10000, count));
    count = living(lots(size) / 2, size, count);
    written(over ? block + sizes[writer] : block - FAR, FAR);
    settled(count, writer, size);
}

static void far_over_small(void) { far(SMALL, 1, 0); }
static void far_over_medium(void) { far(MEDIUM, 1, 0); }
static void far_over_large(void) { far(LARGE, 1, 0); }
static void far_under_small(void) { far(SMALL, 0, 0); }
static void far_under_medium(void) { far(MEDIUM, 0, 0); }
static void far_under_large(void) { far(LARGE, 0, 0); }
static void far_over_small_mixed(void) { far(SMALL, 1, 1); }
static void far_over_medium_mixed(void) { far(MEDIUM, 1, 1); }
static void far_over_large_mixed(void) { far(LARGE, 1, 1); }
static void far_under_small_mixed(void) { far(SMALL, 0, 1); }
static void far_under_medium_mixed(void) { far(MEDIUM, 0, 1); }
static void far_under_large_mixed(void) { far(LARGE, 0, 1); }

const struct attack far_writes[] = {
    {"over, small", HARMED, far_over_small},
    {"over, medium", HARMED, far_over_medium},
    {"over, large", HARMED, far_over_large},
    {"under, small", HARMED, far_under_small},
    {"under, medium", HARMED, far_under_medium},
    {"under, large", HARMED, far_under_large},
    {"over, small among others", HARMED, far_over_small_mixed},
    {"over, medium among others", HARMED, far_over_medium_mixed},
    {"over, large among others", HARMED, far_over_large_mixed},
    {"under, small among others", HARMED, far_under_small_mixed},
    {"under, medium among others", HARMED, far_under_medium_mixed},
    {"under, large among others", HARMED, far_under_large_mixed},
    {0},
};
