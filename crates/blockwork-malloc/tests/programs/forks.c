/* A process forks while its threads allocate; the children allocate, and start
   threads. The number of forks is the argument. */
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static int stop;

static void some(uint64_t *state, void **blocks, int count, int steps) {
    for (int step = 0; step < steps; step++) {
        unsigned i = dice(state) % (unsigned)count;
        free(blocks[i]);
        size_t size = 1 + dice(state) % (1u << dice(state) % 21);
        blocks[i] = malloc(size);
        CHECK(blocks[i]);
        fill(blocks[i], size < 100 ? size : 100, i);
    }
}

/* Blocks that any thread takes and frees. */
static void *shared[256];

static void *churn(void *argument) {
    uint64_t state = (uintptr_t)argument;
    void *blocks[100] = {0};
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        some(&state, blocks, 100, 50);
        void *block = malloc(1 + dice(&state) % 500);
        free(__atomic_exchange_n(&shared[dice(&state) % 256], block, __ATOMIC_ACQ_REL));
    }
    for (int i = 0; i < 100; i++) free(blocks[i]);
    return NULL;
}

static void *once(void *argument) {
    uint64_t state = (uintptr_t)argument;
    void *blocks[100] = {0};
    some(&state, blocks, 100, 500);
    for (int i = 0; i < 100; i++) free(blocks[i]);
    return NULL;
}

static void child(void) {
    once((void *)7);
    for (int i = 0; i < 256; i++) free(__atomic_exchange_n(&shared[i], NULL, __ATOMIC_ACQ_REL));
    pthread_t threads[3];
    for (uintptr_t i = 0; i < 3; i++) CHECK(pthread_create(&threads[i], NULL, once, (void *)(i + 1)) == 0);
    for (int i = 0; i < 3; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    /* And a grandchild. */
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        once((void *)8);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(int count, char **arguments) {
    int forks = count > 1 ? atoi(arguments[1]) : 50;
    pthread_t threads[3];
    for (uintptr_t i = 0; i < 3; i++) CHECK(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)) == 0);
    uint64_t state = 5;
    void *blocks[100] = {0};
    for (int i = 0; i < forks; i++) {
        some(&state, blocks, 100, 100);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            alarm(60);
            child();
            _exit(0);
        }
        some(&state, blocks, 100, 100);
        int status;
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK(status == 0);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    puts("done");
    return 0;
}
