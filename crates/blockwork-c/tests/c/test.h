/* What the test programs share. Each is compiled as C11 and as C++17. */
#ifndef TEST_H
#define TEST_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
#include "blockwork.hpp"
#define SCOPE(allocator) if (bw::scope entered{allocator}; true)
#define ALIGN_OF(type) alignof(type)
#else
#include "blockwork.h"
#define SCOPE(allocator) BW_SCOPE(allocator)
#define ALIGN_OF(type) _Alignof(type)
#endif

/* assert(), whatever NDEBUG says. */
#define CHECK(holds)                                                                              \
    do {                                                                                          \
        if (!(holds)) {                                                                           \
            fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #holds, bw_last_error());     \
            exit(1);                                                                              \
        }                                                                                         \
    } while (0)

/* A failed call: what it returns, errno, and what is said. */
#define REFUSED(call, wrong, number)                                                              \
    do {                                                                                          \
        errno = 0;                                                                                \
        CHECK((call) == (wrong));                                                                 \
        CHECK(errno == (number));                                                                 \
        CHECK(bw_last_error()[0] != 0);                                                           \
    } while (0)

static inline int is_aligned(const void *block, size_t align) { return ((uintptr_t)block & (align - 1)) == 0; }

/* A parent that counts what is live, and fails when it is told to. */
typedef struct counting {
    bw_allocator allocator;
    size_t live;
    size_t blocks;
    size_t calls;
    size_t left; /* requests until it fails */
} counting;

static inline void *counting_allocate(void *context, size_t size, size_t align) {
    counting *own = (counting *)context;
    own->calls += 1;
    if (own->left == 0) {
        return NULL;
    }
    own->left -= 1;
    CHECK(size != 0 && align != 0 && (align & (align - 1)) == 0);
    void *block = NULL;
    if (posix_memalign(&block, align < sizeof(void *) ? sizeof(void *) : align, size) != 0) {
        return NULL;
    }
    own->live += size;
    own->blocks += 1;
    return block;
}

static inline void counting_deallocate(void *context, void *block, size_t size, size_t align) {
    counting *own = (counting *)context;
    CHECK(block != NULL && is_aligned(block, align));
    CHECK(size <= own->live && own->blocks != 0);
    own->live -= size;
    own->blocks -= 1;
    free(block);
}

static inline void counting_start(counting *own) {
    memset(own, 0, sizeof *own);
    own->allocator.context = own;
    own->allocator.allocate = counting_allocate;
    own->allocator.deallocate = counting_deallocate;
    own->left = SIZE_MAX;
}

#endif
