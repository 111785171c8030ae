/* Heaps: made, used, and gone as a whole. */
#include "test.h"

static void a_heap_goes_as_a_whole(void) {
    counting parent;
    counting_start(&parent);
    for (int round = 0; round < 3; round++) {
        bw_part *heap = bw_heap(&parent.allocator, 1 << 18);
        CHECK(heap != NULL);
        for (size_t i = 0; i < 20000; i++) {
            size_t size = (i * 2654435761u) % (i % 100 == 0 ? 300000 : 2000) + 1;
            char *block = (char *)bw_allocate(bw_interface(heap), size, 16);
            CHECK(block != NULL);
            block[0] = block[size - 1] = (char)i;
        }
        bw_statistics counts;
        CHECK(bw_statistics_read(heap, &counts) == 0);
        CHECK(counts.blocks_live == 20000 && counts.bytes_live <= bw_held(heap));
        CHECK(bw_held(heap) == parent.live);
        CHECK(bw_check(heap) == 0);
        if (round == 1) {
            CHECK(bw_reset(heap) == 0 && bw_check(heap) == 0);
            CHECK(bw_statistics_read(heap, &counts) == 0 && counts.blocks_live == 0);
            CHECK(bw_allocate(bw_interface(heap), 64, 64) != NULL);
        }
        CHECK(bw_destroy(heap) == 0);
        CHECK(parent.live == 0 && parent.blocks == 0);
    }
}

static void heaps_are_apart(void) {
    bw_part *one = bw_heap(bw_pages(), 0);
    bw_part *two = bw_heap(bw_pages(), 0);
    char *kept = (char *)bw_acquire_from(bw_interface(two), 1000);
    memset(kept, 'k', 1000);
    for (int i = 0; i < 1000; i++) {
        CHECK(bw_acquire_from(bw_interface(one), 100) != NULL);
    }
    CHECK(bw_destroy(one) == 0);
    for (int i = 0; i < 1000; i++) {
        CHECK(kept[i] == 'k');
    }
    bw_release(kept);
    bw_statistics counts;
    CHECK(bw_statistics_read(two, &counts) == 0 && counts.blocks_live == 0);
    CHECK(bw_destroy(two) == 0);
}

static void a_trim_gives_back_all_that_is_free(void) {
    counting parent;
    counting_start(&parent);
    bw_part *heap = bw_heap(&parent.allocator, 0);
    static void *blocks[4000];
    for (size_t i = 0; i < 4000; i++) {
        blocks[i] = bw_allocate(bw_interface(heap), i * 10 + 1, 8);
        CHECK(blocks[i] != NULL);
    }
    for (size_t i = 0; i < 4000; i++) {
        bw_deallocate(bw_interface(heap), blocks[i], i * 10 + 1, 8);
    }
    CHECK(bw_trim(heap) == 0 && bw_held(heap) == parent.live);
    /* At most books. */
    CHECK(parent.live < 65536);
    CHECK(bw_destroy(heap) == 0 && parent.live == 0);
}

static void any_size_and_alignment_is_served(void) {
    bw_part *heap = bw_heap(bw_pages(), 0);
    const bw_allocator *from = bw_interface(heap);
    for (size_t align = 1; align <= (size_t)1 << 22; align *= 2) {
        for (size_t size = 1; size <= (size_t)1 << 22; size *= 4) {
            char *block = (char *)bw_allocate(from, size, align);
            CHECK(block != NULL && is_aligned(block, align));
            block[0] = block[size - 1] = 1;
            bw_deallocate(from, block, size, align);
        }
    }
    char *text = (char *)bw_reallocate(from, NULL, 0, 10, 1);
    memcpy(text, "blockwork", 10);
    for (size_t size = 10; size < 1000000; size *= 3) {
        text = (char *)bw_reallocate(from, text, size, size * 3, 1);
        CHECK(text != NULL && strcmp(text, "blockwork") == 0);
    }
    CHECK(bw_check(heap) == 0);
    CHECK(bw_destroy(heap) == 0);
}

int main(void) {
    a_heap_goes_as_a_whole();
    heaps_are_apart();
    a_trim_gives_back_all_that_is_free();
    any_size_and_alignment_is_served();
    return 0;
}
