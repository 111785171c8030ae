/* Threads that end with live blocks, that allocate when their locals are gone, and
   that are interrupted. */
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum { BLOCKS = 2000 };

struct left { void *blocks[BLOCKS]; size_t sizes[BLOCKS]; };

static void *leave(void *argument) {
    struct left *left = argument;
    uint64_t state = (uintptr_t)argument;
    for (int i = 0; i < BLOCKS; i++) {
        left->sizes[i] = 1 + dice(&state) % (i % 100 ? 3000 : 100000);
        left->blocks[i] = malloc(left->sizes[i]);
        CHECK(left->blocks[i]);
        fill(left->blocks[i], left->sizes[i], (unsigned)i);
        if (i % 3 == 0) free(malloc(left->sizes[i]));
    }
    return NULL;
}

static void *take(void *argument) {
    struct left *left = argument;
    for (int i = 0; i < BLOCKS; i++) {
        CHECK(holds(left->blocks[i], left->sizes[i], (unsigned)i));
        free(left->blocks[i]);
    }
    free(left);
    return NULL;
}

static void start(pthread_t *thread, void *(*run)(void *), void *argument) {
    CHECK(pthread_create(thread, NULL, run, argument) == 0);
}

static void blocks_outlive_threads(void) {
    size_t grown = 0;
    for (int round = 0; round < 60; round++) {
        struct left *left[4];
        pthread_t threads[4];
        for (int i = 0; i < 4; i++) start(&threads[i], leave, left[i] = malloc(sizeof **left));
        for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
        for (int i = 0; i < 2; i++) start(&threads[i], take, left[i]);
        for (int i = 2; i < 4; i++) take(left[i]);
        for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
        size_t now = status_bytes("VmRSS:");
        if (round == 10) grown = now;
        if (round > 10) CHECK(now < grown + (64u << 20));
    }
}

/* Destructors of keys run in no order, and again as long as they leave something. */
static pthread_key_t keys[8];
static int destroyed;

static void destroy(void *value) {
    char *block = malloc(5000);
    CHECK(block && holds(value, 300, 3));
    fill(block, 5000, 4);
    free(value);
    free(block);
    int seen = __atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);
    void *again = malloc(300);
    CHECK(again);
    fill(again, 300, 3);
    /* The C library calls four times; what is left then is lost. */
    if (seen % 16) pthread_setspecific(keys[seen % 8], again);
    else free(again);
}

static void *with_keys(void *unused) {
    for (int i = 0; i < 8; i++) {
        void *value = malloc(300);
        CHECK(value);
        fill(value, 300, 3);
        pthread_setspecific(keys[i], value);
    }
    return unused;
}

static void destructors_allocate(void) {
    for (int i = 0; i < 8; i++) CHECK(pthread_key_create(&keys[i], destroy) == 0);
    for (int round = 0; round < 50; round++) {
        pthread_t threads[4];
        for (int i = 0; i < 4; i++) start(&threads[i], with_keys, NULL);
        for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    }
    CHECK(destroyed >= 50 * 4 * 8);
}

/* Signals arrive while threads allocate; the handler does not. */
static volatile sig_atomic_t arrived;
static int stop;

static void handler(int number) {
    (void)number;
    arrived = arrived + 1;
}

static void *churn(void *argument) {
    uint64_t state = (uintptr_t)argument;
    void *blocks[64] = {0};
    size_t sizes[64] = {0};
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        unsigned i = dice(&state) % 64;
        if (blocks[i]) CHECK(holds(blocks[i], sizes[i] < 64 ? sizes[i] : 64, i));
        free(blocks[i]);
        sizes[i] = 1 + dice(&state) % (1u << dice(&state) % 18);
        blocks[i] = malloc(sizes[i]);
        CHECK(blocks[i]);
        fill(blocks[i], sizes[i] < 64 ? sizes[i] : 64, i);
    }
    for (int i = 0; i < 64; i++) free(blocks[i]);
    return NULL;
}

static void signals_interrupt(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    pthread_t threads[3];
    for (uintptr_t i = 0; i < 3; i++) start(&threads[i], churn, (void *)(i + 1));
    for (int i = 0; i < 3000; i++) {
        pthread_kill(threads[i % 3], SIGUSR1);
        free(malloc((size_t)i * 10 + 1));
        if (i % 10 == 0) usleep(200);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    CHECK(arrived > 0);
}

int main(void) {
    blocks_outlive_threads();
    destructors_allocate();
    signals_interrupt();
    puts("done");
    return 0;
}
