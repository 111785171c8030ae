/* Parts for all threads, and a current allocator for each. */
#include "test.h"

#include <pthread.h>

enum { THREADS = 4, ROUNDS = 20000 };

static void *exercise(void *argument) {
    const bw_allocator *from = (const bw_allocator *)argument;
    CHECK(bw_current() == bw_system());
    const bw_allocator *outer = bw_push(from);
    size_t *held[8] = {NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL};
    for (size_t i = 0; i < ROUNDS; i++) {
        size_t **place = &held[i % 8];
        if (*place != NULL) {
            CHECK(**place == i - 8);
            bw_deallocate(from, *place, 64, 8);
        }
        *place = (size_t *)bw_allocate(bw_current(), 64, 8);
        CHECK(*place != NULL);
        **place = i;
    }
    for (size_t i = 0; i < 8; i++) {
        bw_deallocate(from, held[i], 64, 8);
    }
    bw_pop(outer);
    return NULL;
}

static void shared_by_threads(bw_part *part) {
    CHECK(part != NULL);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, exercise, (void *)(uintptr_t)bw_interface(part)) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(bw_check(part) == 0);
    CHECK(bw_destroy(part) == 0);
}

int main(void) {
    counting parent;
    counting_start(&parent);
    shared_by_threads(bw_concurrent_pool(&parent.allocator, 64, 8, 4096));
    CHECK(parent.live == 0);

    bw_part *heap = bw_heap(&parent.allocator, 0);
    bw_part *locked = bw_locked(bw_interface(heap));
    bw_part *cached = bw_thread_cached(bw_interface(locked), 1024, 0);
    CHECK(bw_destroy(heap) == 0);
    shared_by_threads(locked);
    shared_by_threads(cached);
    CHECK(parent.live == 0);

    shared_by_threads(bw_compose_shared("thread_cached(quad 16..1k) over locked over slab(quad 16..1k) over pages",
                                        NULL, 0));
    return 0;
}
