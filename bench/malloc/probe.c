/* How much memory is held, in KiB above what it was at the start. */
#include "common.h"

#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

static void rest(long milliseconds) {
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* `count` addresses, from the system: no malloc under test is asked for them. */
static void **addresses(size_t count) {
    void *block = mmap(NULL, count * sizeof(void *), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (block == MAP_FAILED) _exit(3);
    return block;
}

enum { SPIKE = 512 * 1024 * 1024 / 1000 };

/* 512 MiB of 1,000 bytes each, all written; then all of them freed, but every `kept`-th. */
static long spike(size_t kept) {
    void **blocks = addresses(SPIKE);
    long before = resident();
    for (size_t i = 0; i < SPIKE; i++) blocks[i] = memset(must(malloc(1000)), 1, 1000);
    for (size_t i = 0; i < SPIKE; i++) {
        if (!kept || i % kept) free(blocks[i]);
    }
    return before;
}

/* For three seconds, a thousand small blocks in each tenth. */
static void light_use(void) {
    uint64_t state = 21;
    void *blocks[1000];
    for (int tenth = 0; tenth < 30; tenth++) {
        for (size_t i = 0; i < 1000; i++) blocks[i] = filled(between(&state, 16, 271), i);
        for (size_t i = 0; i < 1000; i++) free(blocks[i]);
        rest(100);
    }
}

static uint64_t spike_used(void) {
    long before = spike(0);
    light_use();
    return (uint64_t)(resident() - before);
}

static uint64_t spike_idle(void) {
    long before = spike(0);
    rest(3000);
    return (uint64_t)(resident() - before);
}

static uint64_t holes(void) {
    long before = spike(64);
    light_use();
    return (uint64_t)(resident() - before);
}

/* Generations of a hundred thousand blocks, each a quarter larger than those before, of which a tenth stays. */
static uint64_t drift(void) {
    enum { LIVE = 1000000 };
    void **blocks = addresses(LIVE);
    uint64_t state = 22;
    size_t size = 64;
    long before = resident();
    for (int generation = 0; generation < 8; generation++) {
        for (size_t i = 0; i < LIVE; i++) {
            if (!blocks[i]) blocks[i] = memset(must(malloc(size)), 1, size);
        }
        for (size_t i = 0; i < LIVE; i++) {
            if (draw(&state) % 10) {
                free(blocks[i]);
                blocks[i] = NULL;
            }
        }
        size += size / 4;
    }
    light_use();
    return (uint64_t)(resident() - before);
}

/* Threads that end and leave a thousand blocks each, which others free; what is held more than after the first round. */
static void **left;

static void *leaves(void *number) {
    uint64_t state = 23 + (uintptr_t)number;
    for (size_t i = 0; i < 1000; i++) left[(uintptr_t)number * 1000 + i] = filled(skewed(&state, 1024), i);
    return NULL;
}

static uint64_t exits(void) {
    long first = 0;
    left = addresses(200 * 1000);
    for (int round = 0; round < 5; round++) {
        for (uintptr_t i = 0; i < 200; i++) {
            pthread_t thread;
            if (pthread_create(&thread, NULL, leaves, (void *)i) != 0) _exit(3);
            pthread_join(thread, NULL);
        }
        for (size_t i = 0; i < 200 * 1000; i++) free(left[i]);
        if (round == 0) first = resident();
    }
    long more = resident() - first;
    return more > 0 ? (uint64_t)more : 0;
}

/* A program that allocates once: all that it has. */
static uint64_t once(void) {
    free(filled(100, 1));
    return (uint64_t)resident();
}

int main(int argc, char **argv) {
    static const struct workload workloads[] = {
        {"spike-used", spike_used}, {"spike-idle", spike_idle}, {"holes", holes}, {"drift", drift},
        {"exits", exits},           {"once", once},             {NULL, NULL},
    };
    return run_named(workloads, argc, argv);
}
