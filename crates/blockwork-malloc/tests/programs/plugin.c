/* A library that allocates in its constructors and destructors, and keeps a block
   for its users. */
#include "check.h"

static char *kept;

__attribute__((constructor(101))) static void enter(void) {
    kept = (char *)malloc(1000);
    CHECK(kept);
    fill(kept, 1000, 9);
}

__attribute__((destructor(101))) static void leave(void) {
    char *last = (char *)malloc(100);
    CHECK(last && holds(kept, 1000, 9));
    free(kept);
    free(last);
}

char *plugin_block(void) {
    char *block = (char *)malloc(50000);
    CHECK(block);
    fill(block, 50000, 8);
    return block;
}
