/* One mistake, by its name. What is printed last is what came back. */
#define _GNU_SOURCE
#include "check.h"
#include <malloc.h>

static char in_static[64];

int main(int count, char **arguments) {
    CHECK(count == 2);
    const char *kind = arguments[1];
    char on_stack[64];
    /* Where the compiler does not see it. */
    char *volatile span = (char *)malloc(100000), *volatile huge = (char *)malloc((size_t)40 << 20);
    char *volatile bad = NULL;
    if (!strcmp(kind, "stack")) bad = on_stack + 16;
    if (!strcmp(kind, "static")) bad = in_static;
    if (!strcmp(kind, "wild")) bad = (char *)0x123456789abcdef0;
    if (!strcmp(kind, "span-inside")) bad = span + 64;
    if (!strcmp(kind, "span-far-inside")) bad = span + 70000;
    if (!strcmp(kind, "huge-inside")) bad = huge + 4096;
    if (!strcmp(kind, "span-twice")) free(bad = span);
    if (!strcmp(kind, "huge-twice")) free(bad = huge);
    if (!strcmp(kind, "realloc")) {
        CHECK(realloc(in_static, 100) == NULL);
        puts("done");
        return 0;
    }
    CHECK(bad);
    fprintf(stderr, "bad %p\n", (void *)bad);
    CHECK(malloc_usable_size(bad) == 0);
    free(bad);
    /* Only where mistakes are ignored. */
    free(malloc(100));
    puts("done");
    return 0;
}
