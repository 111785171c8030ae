/* Two copies of the library in one program: one linked in, one loaded. A part of
 * either stands on a part of the other, for which it is any allocator. */
#include <blockwork.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *library;

/* Makes `function`, a variable, that of the library by this name. */
static void find(const char *name, void *function) {
    void *symbol = dlsym(library, name);
    if (symbol == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    memcpy(function, &symbol, sizeof symbol);
}

int main(int arguments, char **values) {
    if (arguments != 2 || (library = dlopen(values[1], RTLD_NOW)) == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    bw_part *(*their_slab)(const bw_allocator *, size_t, size_t);
    bw_part *(*their_bump)(const bw_allocator *, size_t);
    const bw_allocator *(*their_interface)(const bw_part *);
    const bw_allocator *(*their_system)(void);
    int (*their_destroy)(bw_part *);
    find("bw_slab", &their_slab);
    find("bw_bump", &their_bump);
    find("bw_interface", &their_interface);
    find("bw_system", &their_system);
    find("bw_destroy", &their_destroy);
    if (their_slab == bw_slab) {
        fprintf(stderr, "there is one copy only\n");
        return 1;
    }

    bw_part *counted = bw_counted(their_system());
    bw_part *slab = their_slab(bw_interface(counted), 64, 4096);
    void *block = bw_allocate(their_interface(slab), 64, 8);
    bw_statistics counts;
    if (block == NULL || bw_statistics_read(counted, &counts) != 0 || counts.blocks_live != 1) {
        return 1;
    }
    bw_deallocate(their_interface(slab), block, 64, 8);

    bw_part *bump = their_bump(bw_system(), 4096);
    bw_part *memo = bw_memo(their_interface(bump), SIZE_MAX);
    void *kept = bw_acquire_from(bw_interface(memo), 100);
    bw_release(kept);
    if (bw_acquire_from(bw_interface(memo), 100) != kept) {
        return 1;
    }
    /* Copies do not keep one another's parts alive: the upper ones go first. */
    return bw_destroy(memo) || their_destroy(bump) || their_destroy(slab) || bw_destroy(counted);
}
