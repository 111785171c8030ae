/* What every program here needs. It is C11 and C++17 alike. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                \
    do {                                                                                \
        if (!(condition)) {                                                             \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);     \
            _Exit(1);                                                                   \
        }                                                                               \
    } while (0)

static inline void fill(void *block, size_t size, unsigned byte) { memset(block, (int)byte, size); }

static inline int holds(const void *block, size_t size, unsigned byte) {
    const unsigned char *at = (const unsigned char *)block;
    for (size_t i = 0; i < size; i++)
        if (at[i] != (unsigned char)byte) return 0;
    return 1;
}

static inline unsigned dice(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33);
}

/* Bytes of one field of /proc/self/status, which is in kB. */
static inline size_t status_bytes(const char *field) {
    static char text[8192];
    FILE *file = fopen("/proc/self/status", "r");
    if (!file) return 0;
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = 0;
    const char *at = strstr(text, field);
    return at ? (size_t)strtoul(at + strlen(field) + 1, NULL, 10) * 1024 : 0;
}

#endif
