/* Every part over a parent of the caller's: it serves, gives everything back, and
 * lives through the failure of each request. */
#include "test.h"

typedef bw_part *(*maker)(const bw_allocator *parent);

static bw_part *bump(const bw_allocator *parent) { return bw_bump(parent, 1 << 16); }
static bw_part *arena(const bw_allocator *parent) { return bw_arena(parent, 0, 0); }
static bw_part *memo(const bw_allocator *parent) { return bw_memo(parent, SIZE_MAX); }
static bw_part *slab(const bw_allocator *parent) { return bw_slab(parent, 256, 4096); }
static bw_part *mixed_slab(const bw_allocator *parent) { return bw_mixed_slab(parent, 0); }
static bw_part *pool(const bw_allocator *parent) { return bw_pool(parent, 256, 16, 10); }
static bw_part *concurrent_pool(const bw_allocator *parent) { return bw_concurrent_pool(parent, 256, 16, 0); }
static bw_part *span_pool(const bw_allocator *parent) { return bw_span_pool(parent, 0, 0); }
static bw_part *size_classes(const bw_allocator *parent) { return bw_size_classes(parent, 1024, 0); }
static bw_part *heap(const bw_allocator *parent) { return bw_heap(parent, 0); }
static bw_part *segregate(const bw_allocator *parent) {
    bw_part *small = size_classes(parent);
    bw_part *both = bw_segregate(128, bw_interface(small), parent);
    bw_destroy(small);
    return both;
}
static bw_part *counted(const bw_allocator *parent) { return bw_counted(parent); }
static bw_part *quota(const bw_allocator *parent) { return bw_quota(parent, 1 << 20); }
static bw_part *locked(const bw_allocator *parent) { return bw_locked(parent); }
static bw_part *thread_cached(const bw_allocator *parent) { return bw_thread_cached(parent, 1024, 0); }
static bw_part *checked(const bw_allocator *parent) { return bw_checked(parent, NULL, NULL); }
static bw_part *composed(const bw_allocator *parent) {
    bw_named source = {"below", parent};
    return bw_compose("counted over memo over below", &source, 1);
}
static bw_part *composed_shared(const bw_allocator *parent) {
    bw_named source = {"below", parent};
    return bw_compose_shared("locked over slab(quad 16..1k) over below", &source, 1);
}

static const struct {
    const char *name;
    maker make;
    int resets;
    int trims;
} PARTS[] = {
    {"bump", bump, 1, 0},
    {"arena", arena, 1, 1},
    {"memo", memo, 0, 1},
    {"slab", slab, 1, 1},
    {"mixed_slab", mixed_slab, 1, 1},
    {"pool", pool, 1, 1},
    {"concurrent_pool", concurrent_pool, 1, 1},
    {"span_pool", span_pool, 1, 1},
    {"size_classes", size_classes, 1, 1},
    {"heap", heap, 1, 1},
    {"segregate", segregate, 0, 0},
    {"counted", counted, 0, 0},
    {"quota", quota, 0, 0},
    {"locked", locked, 0, 0},
    {"thread_cached", thread_cached, 0, 1},
    {"checked", checked, 0, 0},
    {"composed", composed, 0, 0},
    {"composed_shared", composed_shared, 0, 0},
};

enum { BLOCKS = 40 };

/* Takes and gives back; how many requests were served. */
static size_t use(const bw_allocator *from) {
    unsigned char *blocks[BLOCKS];
    size_t served = 0;
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t size = i * 6 + 1;
        blocks[i] = (unsigned char *)bw_allocate(from, size, 16);
        if (blocks[i] == NULL) {
            CHECK(errno == ENOMEM);
            continue;
        }
        CHECK(is_aligned(blocks[i], 16));
        size_t granted = bw_granted(from, size, 16);
        CHECK(granted >= size && bw_granted(from, granted, 16) == granted);
        memset(blocks[i], (int)i, granted);
        served += 1;
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t size = i * 6 + 1;
        if (blocks[i] == NULL) {
            continue;
        }
        for (size_t at = 0; at < size; at++) {
            CHECK(blocks[i][at] == i);
        }
        size_t smaller = size > 2 ? size - 2 : size;
        unsigned char *moved = (unsigned char *)bw_reallocate(from, blocks[i], size, smaller, 16);
        if (moved != NULL) {
            CHECK(moved[smaller - 1] == i);
            bw_deallocate(from, moved, smaller, 16);
        } else {
            bw_deallocate(from, blocks[i], size, 16);
        }
    }
    return served;
}

static void every_part_serves_and_gives_back(maker make) {
    counting parent;
    counting_start(&parent);
    bw_part *part = make(&parent.allocator);
    CHECK(part != NULL);
    CHECK(use(bw_interface(part)) == BLOCKS);
    CHECK(bw_check(part) == 0);
    CHECK(use(bw_interface(part)) == BLOCKS);

    unsigned char *zeroes = (unsigned char *)bw_allocate_zeroed(bw_interface(part), 100, 8);
    CHECK(zeroes != NULL);
    for (size_t at = 0; at < 100; at++) {
        CHECK(zeroes[at] == 0);
    }
    bw_deallocate(bw_interface(part), zeroes, 100, 8);
    CHECK(bw_held(part) <= parent.live);
    CHECK(bw_destroy(part) == 0);
    CHECK(parent.live == 0 && parent.blocks == 0);
}

static void every_part_lives_through_failures(maker make) {
    for (size_t left = 0;; left++) {
        counting parent;
        counting_start(&parent);
        parent.left = left;
        bw_part *part = make(&parent.allocator);
        CHECK(part != NULL);
        size_t served = use(bw_interface(part));
        CHECK(bw_check(part) == 0);
        int enough = parent.left != 0;
        parent.left = SIZE_MAX;
        CHECK(use(bw_interface(part)) == BLOCKS);
        CHECK(bw_destroy(part) == 0);
        CHECK(parent.live == 0 && parent.blocks == 0);
        if (enough) {
            CHECK(served == BLOCKS);
            return;
        }
    }
}

static void a_reset_ends_every_block(maker make, int resets) {
    counting parent;
    counting_start(&parent);
    bw_part *part = make(&parent.allocator);
    if (!resets) {
        REFUSED(bw_reset(part), -1, ENOTSUP);
        CHECK(bw_destroy(part) == 0);
        return;
    }
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < BLOCKS; i++) {
            CHECK(bw_allocate(bw_interface(part), 100, 8) != NULL);
        }
        bw_part *above = bw_counted(bw_interface(part));
        REFUSED(bw_reset(part), -1, EBUSY);
        CHECK(bw_destroy(above) == 0);
        CHECK(bw_reset(part) == 0 && bw_check(part) == 0);
    }
    CHECK(use(bw_interface(part)) == BLOCKS);
    CHECK(bw_destroy(part) == 0);
    CHECK(parent.live == 0 && parent.blocks == 0);
}

static void a_trim_gives_back_what_is_free(maker make, int trims) {
    counting parent;
    counting_start(&parent);
    bw_part *part = make(&parent.allocator);
    CHECK(use(bw_interface(part)) == BLOCKS);
    if (!trims) {
        REFUSED(bw_trim(part), -1, ENOTSUP);
    } else {
        size_t before = bw_held(part);
        CHECK(bw_trim(part) == 0 && bw_check(part) == 0);
        CHECK(bw_held(part) <= before);
        CHECK(use(bw_interface(part)) == BLOCKS);
    }
    CHECK(bw_destroy(part) == 0);
    CHECK(parent.live == 0 && parent.blocks == 0);
}

/* What is live when a strategy or a heap goes, goes with it. */
static void blocks_end_with_their_part(maker make, const char *name) {
    counting parent;
    counting_start(&parent);
    bw_part *part = make(&parent.allocator);
    for (size_t i = 0; i < BLOCKS; i++) {
        CHECK(bw_allocate(bw_interface(part), 200, 8) != NULL);
    }
    CHECK(bw_held(part) == parent.live);
    CHECK(bw_destroy(part) == 0);
    if (parent.live != 0 || parent.blocks != 0) {
        fprintf(stderr, "%s keeps %zu bytes\n", name, parent.live);
        exit(1);
    }
}

/* Requests that nothing can serve, and those that are wrong. */
static void what_cannot_be_served_is_an_error(maker make) {
    bw_part *part = make(bw_system());
    const bw_allocator *from = bw_interface(part);
    REFUSED(bw_allocate(from, SIZE_MAX, 1), NULL, ENOMEM);
    REFUSED(bw_allocate(from, SIZE_MAX / 2, 1), NULL, ENOMEM);
    REFUSED(bw_allocate(from, SIZE_MAX / 2, 4096), NULL, ENOMEM);
    REFUSED(bw_allocate(from, 8, 3), NULL, EINVAL);
    REFUSED(bw_allocate(from, 8, 0), NULL, EINVAL);
    REFUSED(bw_allocate_zeroed(from, 8, 24), NULL, EINVAL);
    CHECK(bw_granted(from, SIZE_MAX, 1) == SIZE_MAX);
    REFUSED(bw_granted(from, 1, 5), 0, EINVAL);

    char *block = (char *)bw_allocate(from, 8, 8);
    CHECK(block != NULL);
    block[7] = 'x';
    REFUSED(bw_resize(from, block, 8, 16, 7), false, EINVAL);
    CHECK(!bw_resize(from, block, 8, 0, 8));
    REFUSED(bw_reallocate(from, block, 8, SIZE_MAX, 8), NULL, ENOMEM);
    errno = 0;
    bw_deallocate(from, block, 8, 7);
    CHECK(errno == EINVAL && block[7] == 'x');
    bw_deallocate(from, block, 8, 8);
    CHECK(bw_check(part) == 0);
    CHECK(bw_destroy(part) == 0);
}

int main(void) {
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        maker make = PARTS[i].make;
        every_part_serves_and_gives_back(make);
        every_part_lives_through_failures(make);
        a_reset_ends_every_block(make, PARTS[i].resets);
        a_trim_gives_back_what_is_free(make, PARTS[i].trims);
        what_cannot_be_served_is_an_error(make);
        if (PARTS[i].resets) {
            blocks_end_with_their_part(make, PARTS[i].name);
        }
    }
    return 0;
}
