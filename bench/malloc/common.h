/* What the programs of this folder share. Each prints a checksum of what it read from its blocks, which is the same
   under every malloc. */
#ifndef COMMON_H
#define COMMON_H

#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Random enough, the same everywhere, and no allocation. */
static inline uint64_t draw(uint64_t *state) {
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

static inline size_t between(uint64_t *state, size_t low, size_t high) { return low + draw(state) % (high - low + 1); }

/* Mostly small: each doubling from 16 bytes up to `largest` is half as frequent as the one before. */
static inline size_t skewed(uint64_t *state, size_t largest) {
    uint64_t bits = draw(state);
    size_t base = (size_t)16 << __builtin_ctzll(bits >> 32 | 1u << 20);
    if (base > largest / 2) base = largest / 2;
    return base + bits % base;
}

static inline void *must(void *block) {
    if (!block) {
        fputs("out of memory\n", stderr);
        _exit(3);
    }
    return block;
}

/* Writes both ends of a block, so that it has to be there. */
static inline void *filled(size_t size, uint64_t mark) {
    unsigned char *block = must(malloc(size));
    block[size - 1] = (unsigned char)mark;
    block[0] = (unsigned char)mark;
    return block;
}

static inline uint64_t read_back(const void *block) { return *(const unsigned char *)block; }

static inline void stay_on(int core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) perror("sched_setaffinity");
}

/* KiB of this process that are in memory now, found without a malloc. */
static inline long resident(void) {
    char text[128] = {0};
    int file = open("/proc/self/statm", O_RDONLY);
    if (file < 0 || read(file, text, sizeof text - 1) <= 0) return -1;
    close(file);
    long pages = atol(strchr(text, ' '));
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static inline void shuffle(void **blocks, size_t count, uint64_t *state) {
    for (size_t i = count - 1; i > 0; i--) {
        size_t j = draw(state) % (i + 1);
        void *block = blocks[i];
        blocks[i] = blocks[j];
        blocks[j] = block;
    }
}

/* The workload called `name`, run: each program names its own. */
struct workload {
    const char *name;
    uint64_t (*run)(void);
};

static inline int run_named(const struct workload *workloads, int argc, char **argv) {
    for (const struct workload *at = workloads; argc == 2 && at->name; at++) {
        if (strcmp(at->name, argv[1]) == 0) {
            printf("%llu\n", (unsigned long long)at->run());
            return 0;
        }
    }
    fputs("usage: program WORKLOAD, one of:\n", stderr);
    for (const struct workload *at = workloads; at->name; at++) fprintf(stderr, "  %s\n", at->name);
    return 2;
}

#endif
