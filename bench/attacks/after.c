/* Uses of blocks after their free, and writes to what a malloc keeps in them. */
#include "attack.h"

/* ---- use after free ---- */

/* Whether one of the next `count` blocks is the one just freed. */
static void reused(size_t size, size_t count) {
    fill(4, size);
    char *block = make(size);
    wrong_call();
    drop(block);
    afterwards();
    for (size_t i = 0; i < count; i++)
        if (make(size) == block) reached();
}

static void reused_at_once_small(void) { reused(SMALL, 1); }
static void reused_at_once_large(void) { reused(LARGE, 1); }
static void reused_soon_small(void) { reused(SMALL, 100); }
static void reused_soon_medium(void) { reused(MEDIUM, 100); }
static void reused_soon_large(void) { reused(LARGE, 10); }
static void reused_soon_mapped(void) { reused(MAPPED, 4); }

static const char secret[] = "0123456789abcdef";
enum { AT = 24, LEN = 16 };

/* Whether what was in a block can be read through a pointer that is left over. */
static void read_after(size_t size) {
    char *block = make(size);
    memset(block, 's', size < 1 << 20 ? size : 4096);
    memcpy(block + AT, secret, LEN);
    drop(block);
    wrong_access();
    int same = memcmp(opaque(block + AT), secret, LEN) == 0;
    afterwards();
    if (same) reached();
}

static void read_small(void) { read_after(SMALL); }
static void read_large(void) { read_after(LARGE); }
static void read_mapped(void) { read_after(MAPPED); }

/* Whether new blocks come with what was in old ones. */
static void stale(size_t size) {
    size_t count = some(size);
    fill(count, size);
    for (size_t i = 0; i < count; i++) memcpy(blocks[i] + AT, secret, LEN);
    drop_filled(count);
    wrong_access();
    for (size_t i = 0; i < count; i++)
        if (memcmp(make(size) + AT, secret, LEN) == 0) reached();
    afterwards();
}

static void stale_small(void) { stale(SMALL); }
static void stale_large(void) { stale(LARGE); }

/* Whether a free block that was written, but not where lists are, gets a new owner, and nobody says so. */
static void written_for_next(size_t size, int elsewhere_freed) {
    char *block = make(size);
    fill(some(size), size);
    if (elsewhere_freed) drop_elsewhere(block);
    else drop(block);
    wrong_access();
    memcpy(opaque(block + AT), secret, LEN);
    afterwards();
    drop_filled(some(size));
    for (size_t i = 0; i < 2 * some(size); i++)
        if (make(size) == block) reached();
}

static void written_small(void) { written_for_next(SMALL, 0); }
static void written_elsewhere(void) { written_for_next(SMALL, 1); }

#define REUSED "it is among the next ones"

const struct attack uses_after_free[] = {
    {"small, the next block", REUSED, reused_at_once_small},
    {"large, the next block", REUSED, reused_at_once_large},
    {"small, the next 100", REUSED, reused_soon_small},
    {"medium, the next 100", REUSED, reused_soon_medium},
    {"large, the next 10", REUSED, reused_soon_large},
    {"mapped, the next 4", REUSED, reused_soon_mapped},
    {"small, read", "what it held is still there", read_small},
    {"large, read", "what it held is still there", read_large},
    {"mapped, read", "what it held is still there", read_mapped},
    {"small, new blocks read", "what others held is still there", stale_small},
    {"large, new blocks read", "what others held is still there", stale_large},
    {"small, written", "it has a next owner, and nobody has said so", written_small},
    {"small, freed elsewhere, written", "it has a next owner, and nobody has said so", written_elsewhere},
    {0},
};

/* ---- what a malloc keeps in blocks ---- */

/* The first words of a free block changed, so that a list leads to `target`. */
static void linked(char *block, char *target, size_t size) {
    wrong_access();
    ((char **)opaque(block))[0] = target;
    afterwards();
    given_out(target, size, size);
}

static void link_small(void) { linked(long_freed(SMALL), elsewhere + 1024, SMALL); }
static void link_medium(void) { linked(long_freed(MEDIUM), elsewhere + 512, MEDIUM); }

static void link_elsewhere(void) {
    char *block = make(SMALL);
    drop_elsewhere(block);
    linked(block, elsewhere + 1024, SMALL);
}

static void link_stack(void) {
    char local[256] __attribute__((aligned(16))) = {0};
    linked(long_freed(SMALL), local + 64, SMALL);
}

static void link_live(void) {
    char *live = make(SMALL);
    memset(live, 0, SMALL);
    linked(long_freed(SMALL), live, SMALL);
}

/* From the end of live blocks over the links of free ones that follow. */
static void link_by_overflow(void) {
    size_t count = some(SMALL);
    fill(count, SMALL);
    for (size_t i = 0; i < count; i += 2) drop(blocks[i]);
    wrong_access();
    for (size_t i = 1; i < count; i += 2) {
        char **end = (char **)opaque(blocks[i] + malloc_usable_size(blocks[i]));
        for (int word = 0; word < 3; word++) end[word] = elsewhere + 1024;
    }
    afterwards();
    given_out(elsewhere, sizeof elsewhere, SMALL);
}

/* The words before a live block changed, so that it seems to be larger, and freed: whether others are given out of its
   neighbour. */
static void header(size_t size) {
    fill(20, size);
    for (int i = 0; i < 20; i++) memset(blocks[i], 0, size);
    wrong_access();
    size_t *words = opaque(blocks[10]);
    words[-1] = ((size + 8 + 15) & ~(size_t)15) * 2 + 1;
    afterwards();
    drop(blocks[10]);
    size_t both = 2 * size;
    for (int i = 0; i < 40; i++) {
        char *block = make(both);
        for (int live = 0; live < 20; live++)
            if (live != 10 && block < blocks[live] + size && block + both > blocks[live]) reached();
    }
}

static void header_small(void) { header(SMALL); }
static void header_medium(void) { header(MEDIUM); }

#define THERE "new blocks are given out where it leads to"

const struct attack metadata[] = {
    {"small, link to static", THERE, link_small},
    {"medium, link to static", THERE, link_medium},
    {"small, freed elsewhere, link to static", THERE, link_elsewhere},
    {"small, link to the stack", THERE, link_stack},
    {"small, link to a live block", THERE, link_live},
    {"small, link by overflow", THERE, link_by_overflow},
    {"small, word before the block", "new blocks overlap its neighbours", header_small},
    {"medium, word before the block", "new blocks overlap its neighbours", header_medium},
    {0},
};
