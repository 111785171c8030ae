/* The examples of "Composable Memory Allocators - Part 2": recycling, slabs, and
 * the scope of a current allocator. */
#include "test.h"

/* "const int *p = hc_acquire(sizeof(int)); hc_release(p); assert(hc_acquire(sizeof(int)) == p);" */
static void the_example_of_the_memo(void) {
    bw_part *memo = bw_memo(bw_current(), SIZE_MAX);
    SCOPE(bw_interface(memo)) {
        int *p = (int *)bw_acquire(sizeof(int));
        bw_release(p);
        CHECK(bw_acquire(sizeof(int)) == p);
        bw_release(p);
    }
    CHECK(bw_held(memo) != 0);
    CHECK(bw_trim(memo) == 0 && bw_held(memo) == 0);
    CHECK(bw_destroy(memo) == 0);
}

/* "Same slab ... assert(p2 == p1 + 1); New slab ..." Where the next slab lies,
 * nobody promises, so that part of the example is that it is another one. */
static void the_example_of_the_slab(void) {
    counting parent;
    counting_start(&parent);
    bw_part *slab = bw_mixed_slab(&parent.allocator, 128);
    SCOPE(bw_interface(slab)) {
        const bw_allocator *from = bw_current();
        int *p1 = (int *)bw_allocate(from, sizeof(int), ALIGN_OF(int));
        int *p2 = (int *)bw_allocate(from, sizeof(int), ALIGN_OF(int));
        CHECK(p1 != NULL && p2 == p1 + 1);
        CHECK(parent.blocks == 1);

        int *p3 = p2;
        while (parent.blocks == 1) {
            CHECK((uintptr_t)p3 / 128 == (uintptr_t)p1 / 128);
            p3 = (int *)bw_allocate(from, sizeof(int), ALIGN_OF(int));
        }
        CHECK((uintptr_t)p3 / 128 != (uintptr_t)p1 / 128);

        /* Ten at once find room in the new slab. */
        int *p4 = (int *)bw_allocate(from, 10 * sizeof(int), ALIGN_OF(int));
        CHECK((uintptr_t)p4 / 128 == (uintptr_t)p3 / 128);
        CHECK(parent.blocks == 2);

        /* What is larger than a slab is refused or has one of its own; either way
         * it is not in somebody else's. */
        int *p5 = (int *)bw_allocate(from, 1000, ALIGN_OF(int));
        if (p5 != NULL) {
            memset(p5, 0xFF, 1000);
        }
        CHECK(bw_check(slab) == 0);
    }
    CHECK(bw_destroy(slab) == 0);
    CHECK(parent.live == 0 && parent.blocks == 0);
}

/* "commonly used in combination with a fixed allocation size" */
static void slots_of_one_size_are_used_again(void) {
    counting parent;
    counting_start(&parent);
    bw_part *slab = bw_slab(&parent.allocator, 64, 4096);
    const bw_allocator *from = bw_interface(slab);
    void *slots[63];
    for (size_t i = 0; i < 63; i++) {
        slots[i] = bw_allocate(from, 64, 64);
        CHECK(slots[i] != NULL && is_aligned(slots[i], 64));
    }
    CHECK(parent.blocks == 1);
    bw_deallocate(from, slots[7], 64, 64);
    CHECK(bw_allocate(from, 50, 8) == slots[7]);
    REFUSED(bw_allocate(from, 65, 1), NULL, ENOMEM);
    CHECK(bw_granted(from, 1, 1) == 64);
    CHECK(bw_destroy(slab) == 0);
    CHECK(parent.live == 0);
}

static void scopes_nest_and_blocks_go_home(void) {
    bw_part *outer = bw_counted(bw_system());
    bw_part *inner = bw_counted(bw_interface(outer));
    const bw_allocator *before = bw_current();
    CHECK(before == bw_system());
    void *ours = NULL;
    SCOPE(bw_interface(outer)) {
        CHECK(bw_current() == bw_interface(outer));
        SCOPE(bw_interface(inner)) {
            CHECK(bw_current() == bw_interface(inner));
            ours = bw_acquire(100);
            CHECK(is_aligned(ours, ALIGN_OF(max_align_t)));
            REFUSED(bw_destroy(inner), -1, EBUSY);
        }
        CHECK(bw_current() == bw_interface(outer));
    }
    CHECK(bw_current() == before);
    /* Outside of every scope, and still to its own allocator. */
    CHECK(bw_acquired(ours) == 100);
    bw_statistics counts;
    CHECK(bw_statistics_read(inner, &counts) == 0);
    CHECK(counts.blocks_live == 1 && counts.bytes_live >= 100);
    bw_release(ours);
    CHECK(bw_statistics_read(inner, &counts) == 0);
    CHECK(counts.blocks_live == 0 && counts.bytes_live == 0 && counts.requests == 1);
    CHECK(bw_destroy(outer) == 0 && bw_destroy(inner) == 0);
}

static const bw_allocator *left_by_return(bw_part *part) {
    SCOPE(bw_interface(part)) { return bw_current(); }
    return NULL;
}

/* In the document's code the inner allocator stays current after each of these. */
static void a_scope_that_is_left_early_is_left(void) {
    bw_part *memo = bw_memo(bw_system(), 0);
    CHECK(left_by_return(memo) == bw_interface(memo));
    CHECK(bw_current() == bw_system());
    for (int i = 0; i < 3; i++) {
        SCOPE(bw_interface(memo)) {
            if (i == 1) {
                continue;
            }
            if (i == 2) {
                goto out;
            }
        }
        CHECK(bw_current() == bw_system());
    }
out:
    CHECK(bw_current() == bw_system());
    CHECK(bw_destroy(memo) == 0);
}

/* Bump, memo and slab stand over each other, whichever is below. */
static void they_stand_over_each_other_in_any_order(void) {
    for (int order = 0; order < 6; order++) {
        counting parent;
        counting_start(&parent);
        bw_part *parts[3];
        const bw_allocator *below = &parent.allocator;
        for (int i = 0; i < 3; i++) {
            int kind = i == 0 ? order / 2 : (order / 2 + 1 + (i - 1 + order % 2) % 2) % 3;
            size_t size = (size_t)1 << (18 - 4 * i);
            parts[i] = kind == 0 ? bw_bump(below, size)
                     : kind == 1 ? bw_memo(below, SIZE_MAX)
                                 : bw_mixed_slab(below, size);
            CHECK(parts[i] != NULL);
            below = bw_interface(parts[i]);
        }
        for (size_t size = 1; size <= 64; size++) {
            void *block = bw_allocate(below, size, 8);
            CHECK(block != NULL);
            memset(block, (int)size, size);
            bw_deallocate(below, block, size, 8);
        }
        CHECK(bw_check(parts[2]) == 0);
        /* The lowest first: each is kept alive by what stands on it. */
        CHECK(bw_destroy(parts[0]) == 0 && parent.blocks != 0);
        CHECK(bw_destroy(parts[1]) == 0 && bw_destroy(parts[2]) == 0);
        CHECK(parent.live == 0 && parent.blocks == 0);
    }
}

int main(void) {
    the_example_of_the_memo();
    the_example_of_the_slab();
    slots_of_one_size_are_used_again();
    scopes_nest_and_blocks_go_home();
    a_scope_that_is_left_early_is_left();
    they_stand_over_each_other_in_any_order();
    return 0;
}
