/* One thread. */
#include "common.h"

enum { MANY = 100000 };
static void *blocks[MANY];

/* A hundred thousand blocks of one size, freed newest first, oldest first or in random order. */
enum order { NEWEST, OLDEST, RANDOM };

static uint64_t batches(enum order order) {
    uint64_t state = 1, sum = 0;
    for (int round = 0; round < 120; round++) {
        size_t size = 16 + 16 * (size_t)(round % 8);
        for (size_t i = 0; i < MANY; i++) blocks[i] = filled(size, i);
        if (order == RANDOM) shuffle(blocks, MANY, &state);
        for (size_t i = 0; i < MANY; i++) {
            void *block = blocks[order == NEWEST ? MANY - 1 - i : i];
            sum += read_back(block);
            free(block);
        }
    }
    return sum;
}

static uint64_t lifo(void) { return batches(NEWEST); }
static uint64_t fifo(void) { return batches(OLDEST); }
static uint64_t random_order(void) { return batches(RANDOM); }

/* Few live blocks: a stack 64 deep, as nested scopes have them. */
static uint64_t near(void) {
    uint64_t state = 2, sum = 0;
    for (int round = 0; round < 1000000; round++) {
        size_t depth = 1 + draw(&state) % 64;
        for (size_t i = 0; i < depth; i++) blocks[i] = filled(between(&state, 1, 256), i);
        while (depth--) {
            sum += read_back(blocks[depth]);
            free(blocks[depth]);
        }
    }
    return sum;
}

/* Fifty thousand live blocks of mixed sizes, a random one replaced. */
static uint64_t churn(void) {
    uint64_t state = 3, sum = 0;
    for (size_t i = 0; i < 50000; i++) blocks[i] = filled(skewed(&state, 32768), i);
    for (int round = 0; round < 12000000; round++) {
        size_t i = draw(&state) % 50000;
        sum += read_back(blocks[i]);
        free(blocks[i]);
        blocks[i] = filled(skewed(&state, 32768), i);
    }
    for (size_t i = 0; i < 50000; i++) free(blocks[i]);
    return sum;
}

/* Binary trees, as an interpreter or a compiler makes them. */
struct node {
    struct node *left, *right;
    uint64_t value;
};

static struct node *grown(int depth, uint64_t value) {
    struct node *node = must(malloc(sizeof *node));
    *node = (struct node){NULL, NULL, value};
    if (depth) {
        node->left = grown(depth - 1, 2 * value);
        node->right = grown(depth - 1, 2 * value + 1);
    }
    return node;
}

static uint64_t felled(struct node *node) {
    if (!node) return 0;
    uint64_t sum = node->value + felled(node->left) + felled(node->right);
    free(node);
    return sum;
}

static uint64_t trees(void) {
    uint64_t sum = 0;
    struct node *kept = grown(17, 1);
    for (int round = 0; round < 400; round++) sum += felled(grown(14 + round % 3, (uint64_t)round));
    return sum + felled(kept);
}

/* Buffers that grow by half, beside small ones, as vectors and strings do. */
static uint64_t growth(void) {
    uint64_t state = 5, sum = 0;
    for (int round = 0; round < 60000; round++) {
        size_t size = 16, last = round % 16 ? between(&state, 64, 8192) : between(&state, 65536, 1 << 20);
        unsigned char *buffer = filled(size, (uint64_t)round);
        while (size < last) {
            size_t larger = size + size / 2;
            buffer = must(realloc(buffer, larger));
            memset(buffer + size, round, larger - size);
            size = larger;
            void *beside = filled(between(&state, 1, 512), size);
            free(blocks[size % 512]);
            blocks[size % 512] = beside;
        }
        sum += buffer[size - 1] + buffer[0];
        free(buffer);
    }
    return sum;
}

/* Zeroed blocks of up to 16 KiB, of which a thousand live. */
static uint64_t zeroed(void) {
    uint64_t state = 6, sum = 0;
    for (int round = 0; round < 8000000; round++) {
        size_t size = skewed(&state, 16384), i = draw(&state) % 1000;
        free(blocks[i]);
        unsigned char *block = must(calloc(1, size));
        sum += block[0] + block[size / 2] + block[size - 1];
        memset(block, 0xff, size);
        blocks[i] = block;
    }
    return sum;
}

/* 1-16 MiB: allocated, every page of it touched, freed. */
static uint64_t large(void) {
    uint64_t state = 7, sum = 0;
    for (int round = 0; round < 500; round++) {
        size_t size = between(&state, 1 << 20, 16 << 20);
        unsigned char *block = must(malloc(size));
        for (size_t at = 0; at < size; at += 4096) block[at] = (unsigned char)round;
        sum += block[size / 8192 * 4096];
        free(block);
    }
    return sum;
}

int main(int argc, char **argv) {
    static const struct workload workloads[] = {
        {"lifo", lifo},   {"fifo", fifo},     {"random", random_order}, {"near", near},   {"churn", churn},
        {"trees", trees}, {"growth", growth}, {"zeroed", zeroed},       {"large", large}, {NULL, NULL},
    };
    return run_named(workloads, argc, argv);
}
