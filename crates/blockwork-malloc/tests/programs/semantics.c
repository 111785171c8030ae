/* What each function returns, and what it does to errno. C11 and C++17. */
#define _GNU_SOURCE 1
#include "check.h"
#include <malloc.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif
/* Newer than this system's C library. */
__attribute__((weak)) void free_sized(void *, size_t);
__attribute__((weak)) void free_aligned_sized(void *, size_t, size_t);
#ifdef __cplusplus
}
#endif

/* So that the compiler neither warns nor knows better. */
static volatile size_t huge_sizes[] = {PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX, SIZE_MAX - 4096, (size_t)1 << 60};
static volatile size_t nothing = 0;

static void success_leaves_errno_alone(void) {
    for (size_t size = 1; size < (size_t)80 << 20; size += size / 3 + 1) {
        errno = 77;
        unsigned char *block = (unsigned char *)malloc(size);
        CHECK(block && errno == 77);
        CHECK(malloc_usable_size(block) >= size && errno == 77);
        block[0] = 1;
        block[size - 1] = 2;
        free(block);
        CHECK(errno == 77);
        block = (unsigned char *)calloc(1, size);
        CHECK(block && errno == 77);
        CHECK(block[0] == 0 && block[size / 2] == 0 && block[size - 1] == 0);
        block = (unsigned char *)realloc(block, size + size / 2 + 1);
        CHECK(block && errno == 77);
        free_sized(block, size + size / 2 + 1);
        CHECK(errno == 77);
    }
    errno = 77;
    free(NULL);
    CHECK(errno == 77);
    CHECK(malloc_usable_size(NULL) == 0);
}

static void what_cannot_be_is_null_and_enomem(void) {
    for (size_t i = 0; i < sizeof huge_sizes / sizeof *huge_sizes; i++) {
        size_t size = huge_sizes[i];
        char *kept = (char *)malloc(100);
        fill(kept, 100, 5);
#define FAILS(call) (errno = 0, (call) == NULL && errno == ENOMEM)
        CHECK(FAILS(malloc(size)));
        CHECK(FAILS(calloc(size, 1)));
        CHECK(FAILS(calloc(size / 2 + 1, 2)));
        CHECK(FAILS(calloc(2, size / 2 + 1)));
        CHECK(FAILS(realloc(kept, size)));
        CHECK(FAILS(reallocarray(kept, size / 2 + 1, 2)));
        CHECK(FAILS(reallocarray(kept, huge_sizes[2], 2)));
        CHECK(FAILS(aligned_alloc(64, size)));
        CHECK(FAILS(memalign(64, size)));
        CHECK(FAILS(valloc(size)));
        CHECK(FAILS(pvalloc(size)));
        void *place = kept;
        errno = 77;
        CHECK(posix_memalign(&place, 64, size) == ENOMEM && place == kept && errno == 77);
        CHECK(holds(kept, 100, 5));
        free(kept);
    }
    CHECK(FAILS(aligned_alloc((size_t)1 << 62, 1)));
}

static void sizes_of_zero(void) {
    void *block = malloc(nothing), *other = malloc(nothing);
    CHECK(block && other && block != other);
    free(block);
    free(other);
    block = calloc(nothing, 8);
    CHECK(block);
    errno = 77;
    CHECK(realloc(block, nothing) == NULL && errno == 77);
    block = realloc(NULL, 10);
    CHECK(block);
    free(block);
    block = aligned_alloc(64, nothing);
    CHECK(block && (uintptr_t)block % 64 == 0);
    free_aligned_sized(block, 64, 0);
    CHECK(posix_memalign(&block, 64, nothing) == 0 && block);
    free(block);
}

static void alignments(void) {
    for (size_t align = 1; align <= (size_t)256 << 20; align *= 2) {
        static const size_t sizes[] = {1, 100, 5000, 70000, 5 << 20, 40 << 20};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            void *block = aligned_alloc(align, sizes[i]), *second = memalign(align, sizes[i]);
            CHECK(block && second && (uintptr_t)block % align == 0 && (uintptr_t)second % align == 0);
            CHECK(malloc_usable_size(block) >= sizes[i]);
            fill(block, sizes[i] < 200 ? sizes[i] : 200, 1);
            ((char *)block)[sizes[i] - 1] = 1;
            /* The rest of its life it is an ordinary block. */
            block = realloc(block, sizes[i] + 1);
            CHECK(block && holds(block, sizes[i] < 200 ? sizes[i] : 200, 1));
            free(block);
            free(second);
        }
    }
    volatile size_t odd = 48;
    errno = 0;
    CHECK(aligned_alloc(odd, 100) == NULL && errno == EINVAL);
    errno = 0;
    CHECK(aligned_alloc(nothing, 100) == NULL && errno == EINVAL);
    void *block = memalign(odd, 100);
    CHECK(block && (uintptr_t)block % 64 == 0);
    void *place = block;
    errno = 77;
    CHECK(posix_memalign(&place, odd, 100) == EINVAL && posix_memalign(&place, 4, 100) == EINVAL);
    CHECK(posix_memalign(&place, nothing, 100) == EINVAL && place == block && errno == 77);
    free(block);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    block = valloc(1);
    CHECK(block && (uintptr_t)block % page == 0);
    free(block);
    block = pvalloc(page + 1);
    CHECK(block && (uintptr_t)block % page == 0 && malloc_usable_size(block) >= 2 * page);
    fill(block, 2 * page, 1);
    free(block);
}

/* From every size around a boundary to every other, up and down. */
static void realloc_keeps_contents(void) {
    static size_t sizes[200];
    size_t count = 0;
    for (size_t log = 0; log <= 25; log += log < 14 ? 2 : 1)
        for (size_t around = 0; around < 3; around++)
            if (((size_t)1 << log) + around > 1) sizes[count++] = ((size_t)1 << log) + around - 1;
    sizes[count++] = 30000;
    sizes[count++] = 100000;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            size_t from = sizes[i], to = sizes[j], both = from < to ? from : to;
            if (both > (size_t)1 << 20 && (i + j) % 4) continue;
            unsigned char *block = (unsigned char *)malloc(from);
            CHECK(block);
            for (size_t at = 0; at < from; at += at < 4096 ? 1 : 997) block[at] = (unsigned char)(at * 7 + i);
            block[from - 1] = 99;
            block = (unsigned char *)realloc(block, to);
            CHECK(block && malloc_usable_size(block) >= to);
            for (size_t at = 0; at < both; at += at < 4096 ? 1 : 997)
                CHECK(at == from - 1 || block[at] == (unsigned char)(at * 7 + i));
            CHECK(to < from || block[from - 1] == 99);
            block[to - 1] = 1;
            free(block);
        }
}

static void calloc_is_zero_where_others_were(void) {
    for (size_t size = 16; size < (size_t)3 << 20; size = size * 3 / 2) {
        void *blocks[20];
        for (int i = 0; i < 20; i++) {
            blocks[i] = malloc(size);
            CHECK(blocks[i]);
            fill(blocks[i], malloc_usable_size(blocks[i]), 0xA5);
        }
        for (int i = 0; i < 20; i++) free(blocks[i]);
        for (int i = 0; i < 20; i++) {
            blocks[i] = calloc(size, 1);
            CHECK(blocks[i] && holds(blocks[i], size, 0));
        }
        for (int i = 0; i < 20; i++) free(blocks[i]);
    }
}

static void it_is_ours_and_says_what_it_has(void) {
    CHECK(mallopt(M_MMAP_THRESHOLD, 1) == 1);
    char *small = (char *)malloc(100), *large = (char *)malloc((size_t)50 << 20);
    CHECK(small && large);
    CHECK(malloc_usable_size(small) == 112);
    struct mallinfo2 info = mallinfo2();
    CHECK(info.hblks >= 1 && info.hblkhd >= (size_t)50 << 20 && info.uordblks >= 112 && info.arena > info.uordblks);
    free(large);
    CHECK(mallinfo2().hblkhd == info.hblkhd - ((size_t)50 << 20));
    CHECK(malloc_info(1, stdout) != 0);
    free(small);
    CHECK(malloc_trim(0) == 0 || malloc_trim(0) == 0);
}

int main(void) {
    CHECK(free_sized && free_aligned_sized);
    success_leaves_errno_alone();
    what_cannot_be_is_null_and_enomem();
    sizes_of_zero();
    alignments();
    realloc_keeps_contents();
    calloc_is_zero_where_others_were();
    it_is_ours_and_says_what_it_has();
    puts("done");
    return 0;
}
