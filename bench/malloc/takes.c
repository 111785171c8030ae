/* Says for each function of a malloc which file serves it, so that nobody measures another than he means; and that
   what they return can be used and freed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    static const char *const names[] = {
        "malloc",        "free",           "calloc",   "realloc",
        "aligned_alloc", "posix_memalign", "memalign", "malloc_usable_size",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        void *function = dlsym(RTLD_DEFAULT, names[i]);
        Dl_info found = {0};
        if (!function || !dladdr(function, &found)) return 1;
        printf("%s\t%s\n", names[i], found.dli_fname);
    }
    for (size_t size = 1; size < 100000; size *= 3) {
        void *aligned = NULL;
        char *block = realloc(calloc(1, size), 2 * size);
        if (!block || block[0] || malloc_usable_size(block) < 2 * size) return 1;
        memset(block, 1, malloc_usable_size(block));
        free(block);
        if (posix_memalign(&aligned, 4096, size) || (size_t)aligned % 4096) return 1;
        free(aligned);
    }
    return 0;
}
