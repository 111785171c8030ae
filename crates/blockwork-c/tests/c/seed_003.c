/* The example of "Composable Memory Allocators - Part 1": a bump allocator over
 * an allocator of two functions, and what its text says of both. */
#include "test.h"

/* The document's root allocator: malloc and free behind two functions. */
typedef struct root {
    size_t acquired;
    size_t released;
} root;

static void *root_acquire(void *context, size_t size) {
    ((root *)context)->acquired += 1;
    return malloc(size);
}

static void root_release(void *context, void *memory) {
    ((root *)context)->released += 1;
    free(memory);
}

static void a_bump_cuts_one_block_of_its_parent(void) {
    root malloc_and_free = {0, 0};
    bw_part *source = bw_source(root_acquire, root_release, &malloc_and_free);
    bw_part *bump = bw_bump(bw_interface(source), 1024);
    CHECK(bump != NULL);
    const bw_allocator *from = bw_interface(bump);

    int *number = (int *)bw_allocate(from, sizeof(int), ALIGN_OF(int));
    long *wide = (long *)bw_allocate(from, sizeof(long), ALIGN_OF(long));
    CHECK(number != NULL && wide != NULL);
    *number = 1;
    *wide = 2;
    /* Aligned, then bumped. */
    CHECK((char *)wide - (char *)number == 8);
    CHECK(malloc_and_free.acquired == 1);
    CHECK(bw_held(bump) >= 1024);

    /* Out of memory, and nothing has changed. */
    REFUSED(bw_allocate(from, 1024, 1), NULL, ENOMEM);
    char *rest = (char *)bw_allocate(from, 1024 - 16, 1);
    CHECK(rest == (char *)number + 16);
    memset(rest, 0xFF, 1024 - 16);
    CHECK(*number == 1 && *wide == 2);

    CHECK(bw_check(bump) == 0);
    CHECK(bw_destroy(bump) == 0);
    CHECK(malloc_and_free.released == 1);
    CHECK(bw_destroy(source) == 0);
}

/* The document's arithmetic forgets the padding, and then wraps. */
static void padding_is_part_of_what_is_left(void) {
    bw_part *bump = bw_bump(bw_system(), 16);
    const bw_allocator *from = bw_interface(bump);
    CHECK(bw_allocate(from, 1, 1) != NULL);
    REFUSED(bw_allocate(from, 15, 8), NULL, ENOMEM);
    REFUSED(bw_allocate(from, (size_t)1 << 20, 1), NULL, ENOMEM);
    CHECK(bw_allocate(from, 15, 1) != NULL);
    REFUSED(bw_allocate(from, 1, 1), NULL, ENOMEM);
    CHECK(bw_destroy(bump) == 0);
}

/* The document's initialisation writes to what a failed parent gave. */
static void a_parent_without_memory_is_an_error_and_no_more(void) {
    counting parent;
    counting_start(&parent);
    parent.left = 0;
    bw_part *bump = bw_bump(&parent.allocator, 64);
    CHECK(bump != NULL);
    REFUSED(bw_allocate(bw_interface(bump), 8, 8), NULL, ENOMEM);
    parent.left = 1;
    CHECK(bw_allocate(bw_interface(bump), 8, 8) != NULL);
    CHECK(bw_destroy(bump) == 0);
    CHECK(parent.live == 0 && parent.blocks == 0);
}

/* The document derives the alignment from the size; here it is asked for. */
static void alignment_is_what_was_asked_for(void) {
    root malloc_and_free = {0, 0};
    bw_part *source = bw_source(root_acquire, root_release, &malloc_and_free);
    for (size_t align = 1; align <= 4096; align *= 2) {
        void *direct = bw_allocate(bw_interface(source), 100, align);
        CHECK(direct != NULL && is_aligned(direct, align));
        memset(direct, 0xAA, 100);
        bw_deallocate(bw_interface(source), direct, 100, align);

        bw_part *bump = bw_bump(bw_interface(source), 16384);
        CHECK(bw_allocate(bw_interface(bump), 3, 1) != NULL);
        CHECK(is_aligned(bw_allocate(bw_interface(bump), 12, align), align));
        CHECK(bw_destroy(bump) == 0);
    }
    CHECK(bw_destroy(source) == 0);
    CHECK(malloc_and_free.acquired == malloc_and_free.released);
}

static void zero_bytes_are_one_pointer_that_is_never_read(void) {
    bw_part *bump = bw_bump(bw_system(), 64);
    const bw_allocator *allocators[] = {bw_system(), bw_pages(), bw_interface(bump)};
    for (size_t i = 0; i < 3; i++) {
        void *nothing = bw_allocate(allocators[i], 0, 32);
        CHECK(nothing != NULL && is_aligned(nothing, 32));
        CHECK(bw_granted(allocators[i], 0, 32) == 0);
        bw_deallocate(allocators[i], nothing, 0, 32);
        bw_deallocate(allocators[i], NULL, 8, 8);
    }
    CHECK(bw_held(bump) == 0);
    CHECK(bw_destroy(bump) == 0);
}

int main(void) {
    a_bump_cuts_one_block_of_its_parent();
    padding_is_part_of_what_is_left();
    a_parent_without_memory_is_an_error_and_no_more();
    alignment_is_what_was_asked_for();
    zero_bytes_are_one_pointer_that_is_never_read();
    return 0;
}
