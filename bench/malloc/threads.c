/* Threads that share nothing, that free what others allocated, and that end. A fixed amount of work each, on two cores. */
#include "common.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 2 };

static pthread_t started(void *(*run)(void *), void *argument) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, argument) != 0) {
        fputs("no thread\n", stderr);
        _exit(3);
    }
    return thread;
}

static uint64_t ended(pthread_t thread) {
    void *sum;
    pthread_join(thread, &sum);
    return (uint64_t)(uintptr_t)sum;
}

/* One thread for each core, and the sum of what they return. */
static uint64_t on_each_core(void *(*run)(void *)) {
    pthread_t threads[THREADS];
    uint64_t sum = 0;
    for (uintptr_t i = 0; i < THREADS; i++) threads[i] = started(run, (void *)i);
    for (int i = 0; i < THREADS; i++) sum += ended(threads[i]);
    return sum;
}

/* Each thread for itself: blocks of mixed sizes replaced, and batches. */
static void *private_thread(void *core) {
    enum { LIVE = 10000 };
    static _Thread_local void *blocks[LIVE];
    uint64_t state = 11 + (uintptr_t)core, sum = 0;
    stay_on((int)(uintptr_t)core);
    for (size_t i = 0; i < LIVE; i++) blocks[i] = filled(skewed(&state, 8192), i);
    for (int round = 0; round < 10000000; round++) {
        size_t i = draw(&state) % LIVE;
        sum += read_back(blocks[i]);
        free(blocks[i]);
        blocks[i] = filled(skewed(&state, 8192), i);
    }
    for (size_t i = 0; i < LIVE; i++) free(blocks[i]);
    return (void *)(uintptr_t)sum;
}

static uint64_t private(void) { return on_each_core(private_thread); }

/* A ring between one thread that fills it and one that empties it. */
enum { RING = 4096 };
static void *ring[RING];
static _Alignas(64) atomic_size_t filled_to;
static _Alignas(64) atomic_size_t emptied_to;

/* How long to wait for the other thread, which runs on another core if there are two. */
static void wait_a_little(int *waited) {
    if (++*waited % 64) __builtin_ia32_pause();
    else sched_yield();
}

static void put(void *block) {
    size_t at = atomic_load_explicit(&filled_to, memory_order_relaxed);
    for (int waited = 0; at - atomic_load_explicit(&emptied_to, memory_order_acquire) == RING;) wait_a_little(&waited);
    ring[at % RING] = block;
    atomic_store_explicit(&filled_to, at + 1, memory_order_release);
}

static void *taken(void) {
    size_t at = atomic_load_explicit(&emptied_to, memory_order_relaxed);
    for (int waited = 0; at == atomic_load_explicit(&filled_to, memory_order_acquire);) wait_a_little(&waited);
    void *block = ring[at % RING];
    atomic_store_explicit(&emptied_to, at + 1, memory_order_release);
    return block;
}

enum { PASSED = 2000000 };

static void *consumer(void *unused) {
    uint64_t sum = 0;
    (void)unused;
    stay_on(1);
    for (int i = 0; i < PASSED; i++) {
        void *block = taken();
        sum += read_back(block);
        free(block);
    }
    return (void *)(uintptr_t)sum;
}

/* One allocates, the other, which never allocates, frees. */
static uint64_t producer(void) {
    uint64_t state = 12;
    pthread_t thread = started(consumer, NULL);
    stay_on(0);
    for (int i = 0; i < PASSED; i++) put(filled(between(&state, 16, 256), (uint64_t)i));
    return ended(thread);
}

/* Two threads that hand each other a batch of blocks, round after round. */
enum { BATCH = 4096, ROUNDS = 300 };
static void *batch[THREADS][BATCH];
static pthread_barrier_t barrier;

static void *cross_thread(void *number) {
    uintptr_t own = (uintptr_t)number;
    uint64_t state = 13 + own, sum = 0;
    stay_on((int)own);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < BATCH; i++) batch[own][i] = filled(between(&state, 16, 512), i);
        pthread_barrier_wait(&barrier);
        for (size_t i = 0; i < BATCH; i++) {
            sum += read_back(batch[1 - own][i]);
            free(batch[1 - own][i]);
        }
        pthread_barrier_wait(&barrier);
    }
    return (void *)(uintptr_t)sum;
}

static uint64_t batch_cross(void) {
    pthread_barrier_init(&barrier, NULL, THREADS);
    return on_each_core(cross_thread);
}

/* Batches of blocks of few sizes on one shared stack: whoever finds one there frees it (as in xmalloc-test). */
struct bundle {
    struct bundle *next;
    void *blocks[120];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct bundle *bundles;

static void *xmalloc_thread(void *number) {
    uint64_t state = 14 + (uintptr_t)number, sum = 0;
    stay_on((int)(uintptr_t)number);
    for (int round = 0; round < 100000; round++) {
        struct bundle *made = must(malloc(sizeof *made));
        for (size_t i = 0; i < 120; i++) made->blocks[i] = filled((size_t)8 << (draw(&state) % 7), i);
        pthread_mutex_lock(&lock);
        made->next = bundles;
        bundles = made;
        pthread_mutex_unlock(&lock);
        pthread_mutex_lock(&lock);
        /* The second, which is probably another's. */
        struct bundle **place = bundles && bundles->next ? &bundles->next : &bundles;
        struct bundle *found = *place;
        if (found) *place = found->next;
        pthread_mutex_unlock(&lock);
        for (size_t i = 0; found && i < 120; i++) {
            sum += read_back(found->blocks[i]);
            free(found->blocks[i]);
        }
        free(found);
    }
    return (void *)(uintptr_t)sum;
}

static uint64_t xmalloc(void) {
    uint64_t sum = on_each_core(xmalloc_thread);
    while (bundles) {
        struct bundle *found = bundles;
        bundles = found->next;
        for (size_t i = 0; i < 120; i++) {
            sum += read_back(found->blocks[i]);
            free(found->blocks[i]);
        }
        free(found);
    }
    return sum;
}

/* A thread replaces random blocks of an array, starts its heir, which goes on with the same array, and ends (as in
   larson, with a fixed number of operations). */
enum { SLOTS = 2000, HEIRS = 300, REPLACED = 20000 };
struct estate {
    void *blocks[SLOTS];
    uint64_t state, sum;
    int core, generation;
};

static void *server(void *argument) {
    struct estate *estate = argument;
    stay_on(estate->core);
    for (int i = 0; i < REPLACED; i++) {
        size_t at = draw(&estate->state) % SLOTS;
        estate->sum += read_back(estate->blocks[at]);
        free(estate->blocks[at]);
        estate->blocks[at] = filled(between(&estate->state, 8, 1000), at);
    }
    return NULL;
}

static void *dynasty(void *number) {
    struct estate *estate = must(calloc(1, sizeof *estate));
    estate->core = (int)(uintptr_t)number;
    estate->state = 15 + (uintptr_t)number;
    for (size_t i = 0; i < SLOTS; i++) estate->blocks[i] = filled(between(&estate->state, 8, 1000), i);
    for (int heir = 0; heir < HEIRS; heir++) ended(started(server, estate));
    uint64_t sum = estate->sum;
    for (size_t i = 0; i < SLOTS; i++) free(estate->blocks[i]);
    free(estate);
    return (void *)(uintptr_t)sum;
}

static uint64_t larson(void) { return on_each_core(dynasty); }

/* Threads that keep some blocks, exchange some with anyone, and end; generations of them (as in mstress). */
enum { SHARED = 1000 };
static _Atomic(void *) shared[SHARED];

static void *stress_thread(void *number) {
    enum { KEPT = 4000 };
    void **kept = must(calloc(KEPT, sizeof *kept));
    uint64_t state = 16 + (uintptr_t)number;
    stay_on((int)((uintptr_t)number % THREADS));
    for (int round = 0; round < 100000; round++) {
        uint64_t choice = draw(&state);
        size_t at = (choice >> 16) % KEPT;
        if (choice % 4) {
            free(kept[at]);
            kept[at] = filled(skewed(&state, choice % 1024 < 4 ? 262144 : 2048), choice);
        } else {
            kept[at] = atomic_exchange(&shared[(choice >> 32) % SHARED], kept[at]);
        }
    }
    for (size_t i = 0; i < KEPT; i++) free(kept[i]);
    free(kept);
    return NULL;
}

static uint64_t mstress(void) {
    enum { GENERATIONS = 20, TOGETHER = 4 };
    for (uintptr_t generation = 0; generation < GENERATIONS; generation++) {
        pthread_t threads[TOGETHER];
        for (uintptr_t i = 0; i < TOGETHER; i++) threads[i] = started(stress_thread, (void *)(generation * TOGETHER + i));
        for (int i = 0; i < TOGETHER; i++) ended(threads[i]);
        for (size_t i = 0; i < SHARED; i += 2) free(atomic_exchange(&shared[i], NULL));
    }
    for (size_t i = 0; i < SHARED; i++) free(atomic_exchange(&shared[i], NULL));
    return 0;
}

/* Fresh threads, each of which does nothing but free what the first allocated. */
enum { HANDED = 40000 };
static void *handed[HANDED];

static void *heir(void *half) {
    uint64_t sum = 0;
    stay_on((int)(uintptr_t)half);
    for (size_t i = (uintptr_t)half; i < HANDED; i += 2) {
        sum += read_back(handed[i]);
        free(handed[i]);
    }
    return (void *)(uintptr_t)sum;
}

static uint64_t free_only(void) {
    uint64_t state = 17, sum = 0;
    for (int round = 0; round < 60; round++) {
        for (size_t i = 0; i < HANDED; i++) handed[i] = filled(skewed(&state, 4096), i);
        sum += on_each_core(heir);
    }
    return sum;
}

int main(int argc, char **argv) {
    static const struct workload workloads[] = {
        {"private", private}, {"producer", producer}, {"batch-cross", batch_cross}, {"xmalloc", xmalloc},
        {"larson", larson},   {"mstress", mstress},   {"free-only", free_only},     {NULL, NULL},
    };
    return run_named(workloads, argc, argv);
}
