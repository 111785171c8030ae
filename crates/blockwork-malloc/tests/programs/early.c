/* Allocates before `main` and after it; `early PLUGIN` opens and closes a library
   that does so, again and again. */
#define _GNU_SOURCE
#include "check.h"
#include <dlfcn.h>

static void *first;

__attribute__((section(".preinit_array"), used)) static void (*before)(void);
static void before_everything(void) {
    first = malloc(70000);
    CHECK(first);
    fill(first, 70000, 1);
}
__attribute__((section(".preinit_array"), used)) static void (*before)(void) = before_everything;

__attribute__((constructor(101))) static void enter(void) {
    first = realloc(first, 100000);
    CHECK(first && holds(first, 70000, 1));
}

static void at_exit(void) {
    CHECK(holds(first, 70000, 1));
    free(first);
    first = calloc(1, 3000);
    CHECK(first);
}

__attribute__((destructor(101))) static void leave(void) {
    CHECK(holds(first, 3000, 0));
    free(first);
}

int main(int count, char **arguments) {
    CHECK(count == 2 && atexit(at_exit) == 0);
    for (int i = 0; i < 50; i++) {
        void *plugin = dlopen(arguments[1], RTLD_NOW);
        CHECK(plugin || (fprintf(stderr, "%s\n", dlerror()), 0));
        char *(*make)(void);
        *(void **)&make = dlsym(plugin, "plugin_block");
        char *block = make();
        CHECK(dlclose(plugin) == 0);
        CHECK(holds(block, 50000, 8));
        free(block);
    }
    puts("done");
    return 0;
}
