/* Who holds what, for a heap profile: each kind of block from a function of its own, by threads, before and after
   a fork, with as much again that comes and goes. What is held: profile PREFIX [SIGNAL]. */
#define _GNU_SOURCE 1
#include "check.h"
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SMALL = 100000, MIDDLE = 4000, LARGE = 6 };

static void *small[SMALL], *middle[MIDDLE], *large[LARGE];

__attribute__((noinline)) static void *hold_small(void) {
    void *block = malloc(112);
    __asm__ volatile("" ::: "memory");
    return block;
}

__attribute__((noinline)) static void *hold_middle(void) {
    void *block = malloc(5120);
    __asm__ volatile("" ::: "memory");
    return block;
}

__attribute__((noinline)) static void *hold_large(void) {
    /* It is what became of it that counts. */
    void *block = malloc(5 << 20);
    block = realloc(block, 20 << 20);
    block = realloc(block, 40 << 20);
    __asm__ volatile("" ::: "memory");
    return block;
}

__attribute__((noinline)) static void pass_by(unsigned seed) {
    uint64_t state = seed;
    void *blocks[64] = {0};
    for (int i = 0; i < 200000; i++) {
        void **place = &blocks[dice(&state) % 64];
        free(*place);
        unsigned size = 1u << (4 + dice(&state) % 14);
        *place = malloc(size - dice(&state) % (size / 2));
    }
    for (int i = 0; i < 64; i++) free(blocks[i]);
}

static void *work(void *number) {
    size_t part = (size_t)number;
    for (size_t i = part; i < MIDDLE; i += 2) middle[i] = hold_middle();
    for (size_t i = part; i < SMALL; i += 2) small[i] = hold_small();
    pass_by((unsigned)part + 1);
    return NULL;
}

static void *release(void *from) {
    for (void **block = (void **)from; block < small + SMALL; block += 2) free(*block);
    return NULL;
}

int main(int count, char **arguments) {
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++) CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
    for (size_t i = 0; i < 2; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < LARGE; i++) large[i] = hold_large();
    for (int i = 0; i < LARGE / 2; i++) free(large[i]);
    if (count > 1) {
        /* Asked for meanwhile, it is written when the next sample is taken. */
        CHECK(raise(atoi(arguments[1])) == 0);
        pass_by(7);
        int (*profile)(const char *) = (int (*)(const char *))dlsym(RTLD_DEFAULT, "blockwork_malloc_profile");
        CHECK(profile && profile("asked.pb") == 0);
        errno = 0;
        CHECK(profile("no/such/folder") == -1 && errno == ENOENT);
    }
    pid_t child = fork();
    CHECK(child >= 0);
    /* The child gives half of the small ones back: from a thread of its own, as its heap is another. */
    if (child == 0) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, release, small) == 0 && pthread_join(thread, NULL) == 0);
        exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    puts("done");
    return 0;
}
