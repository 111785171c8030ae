/* How much is held of 512 MiB that were freed: all but one block in 64, after a trim;
   then the whole, at once, after a while of little work, and after a trim. The first
   argument is the size of blocks, the second how long that while is. */
#define _GNU_SOURCE
#include "check.h"
#include <malloc.h>
#include <time.h>
#include <unistd.h>

static size_t held(void) { return status_bytes("VmRSS:"); }

static size_t mappings(void) {
    FILE *file = fopen("/proc/self/maps", "r");
    CHECK(file);
    size_t lines = 0;
    for (int c; (c = fgetc(file)) != EOF;) lines += c == '\n';
    fclose(file);
    return lines;
}

/* A little of what programs do: a few blocks of many sizes. */
static void light_use(int milliseconds) {
    uint64_t state = 3;
    for (int i = 0; i < milliseconds; i++) {
        void *blocks[50];
        for (int j = 0; j < 50; j++) blocks[j] = malloc(1 + dice(&state) % (1u << dice(&state) % 12));
        for (int j = 0; j < 50; j++) free(blocks[j]);
        usleep(1000);
    }
}

int main(int count, char **arguments) {
    size_t size = count > 1 ? strtoul(arguments[1], NULL, 10) : 1000, whole = (size_t)512 << 20;
    size_t number = whole / size, before = held();
    char **blocks = (char **)calloc(number, sizeof *blocks);
    CHECK(blocks);
    for (size_t i = 0; i < number; i++) {
        blocks[i] = (char *)malloc(size);
        CHECK(blocks[i]);
        fill(blocks[i], size, 1);
    }
    CHECK(held() > before + whole / 10 * 9);
    /* Every other one first: many holes, and few mappings. */
    for (size_t i = 0; i < number; i += 2) free(blocks[i]);
    size_t maps = mappings();
    for (size_t i = 1; i < number; i += 2) {
        if (i % 64 != 1) free(blocks[i]);
    }
    malloc_trim(0);
    size_t holes = held() - before;
    for (size_t i = 1; i < number; i += 64) {
        CHECK(holds(blocks[i], size, 1));
        free(blocks[i]);
    }
    free(blocks);
    size_t at_once = held() - before;
    light_use(count > 2 ? atoi(arguments[2]) : 2000);
    size_t later = held() > before ? held() - before : 0;
    malloc_trim(0);
    size_t trimmed = held() > before ? held() - before : 0;
    printf("%zu bytes: of 512 MiB with holes %zu, at once %zu, later %zu, trimmed %zu MiB; %zu mappings\n", size, holes >> 20, at_once >> 20,
           later >> 20, trimmed >> 20, maps);
    /* Of the smallest, every strip has one that lives. */
    CHECK(size < 256 || holes < whole / 100 * 15);
    CHECK(at_once < whole / 100 * 15);
    CHECK(later < whole / 100 * 5);
    CHECK(trimmed < whole / 100 * 3);
    CHECK(maps < 1000);
    puts("done");
    return 0;
}
