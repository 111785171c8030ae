/* The malloc of the library, beside that of the C library. */
#include <pthread.h>

#include "test.h"

static void *frees(void *block) {
    bw_free(block);
    return bw_malloc(100);
}

int main(void) {
    for (size_t size = 0; size < 100000; size = size * 3 / 2 + 1) {
        char *block = (char *)bw_malloc(size);
        CHECK(block != NULL && is_aligned(block, 16) && bw_usable_size(block) >= size);
        memset(block, 1, bw_usable_size(block));
        block = (char *)bw_realloc(block, size + 5000);
        CHECK(block != NULL && (size == 0 || block[size - 1] == 1));
        bw_free(block);
        block = (char *)bw_calloc(size, 3);
        CHECK(block != NULL && (size == 0 || (block[0] == 0 && block[size * 3 - 1] == 0)));
        CHECK(bw_realloc(block, 0) == NULL);
    }
    for (size_t align = 1; align <= (size_t)1 << 23; align *= 2) {
        void *block = bw_aligned_alloc(align, 100);
        CHECK(block != NULL && is_aligned(block, align));
        bw_free(block);
    }
    bw_free(NULL);
    CHECK(bw_usable_size(NULL) == 0);
    REFUSED(bw_malloc(SIZE_MAX / 2), NULL, ENOMEM);
    REFUSED(bw_calloc(SIZE_MAX, 2), NULL, ENOMEM);
    REFUSED(bw_realloc(NULL, SIZE_MAX / 2), NULL, ENOMEM);
    REFUSED(bw_aligned_alloc(3, 9), NULL, EINVAL);

    /* Blocks of one thread are freed by another, which leaves some behind. */
    pthread_t thread;
    void *left;
    CHECK(pthread_create(&thread, NULL, frees, bw_malloc(100)) == 0);
    CHECK(pthread_join(thread, &left) == 0 && left != NULL);
    bw_free(left);

    /* As an allocator, and as a parent. */
    const bw_allocator *malloc_ = bw_malloc_interface();
    CHECK(bw_granted(malloc_, 100, 8) >= 100);
    bw_part *counted = bw_counted(malloc_);
    void *block = bw_allocate(bw_interface(counted), 100, 64);
    CHECK(block != NULL && is_aligned(block, 64) && bw_usable_size(block) >= 100);
    bw_deallocate(bw_interface(counted), block, 100, 64);
    CHECK(bw_destroy(counted) == 0);
    SCOPE(malloc_) {
        block = bw_acquire(10);
        CHECK(block != NULL);
    }
    bw_release(block);
    CHECK(bw_malloc_trim() == 1);
    return 0;
}
