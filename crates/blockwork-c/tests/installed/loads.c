/* Loads the library that is named, uses it on a thread, unloads it, and lets the
 * thread go on and end: its thread-locals are destroyed after the `dlclose`. */
#include <blockwork.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *library;

/* A function of the library. */
static void *named(const char *name) {
    void *function = dlsym(library, name);
    if (function == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return function;
}

static pthread_barrier_t used, unloaded;

static void *thread(void *argument) {
    bw_part *part = argument;
    /* Functions and objects have the same form of pointer here. */
    const bw_allocator *(*interface)(const bw_part *);
    void *(*allocate)(const bw_allocator *, size_t, size_t);
    void *symbol = named("bw_interface");
    memcpy(&interface, &symbol, sizeof symbol);
    symbol = named("bw_allocate");
    memcpy(&allocate, &symbol, sizeof symbol);

    const bw_allocator *from = interface(part);
    char *block = allocate(from, 100, 8);
    pthread_barrier_wait(&used);
    pthread_barrier_wait(&unloaded);
    from->deallocate(from->context, block, 100, 8);
    return block;
}

int main(int arguments, char **values) {
    if (arguments != 2 || (library = dlopen(values[1], RTLD_NOW)) == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    bw_part *(*compose)(const char *, const bw_named *, size_t);
    void *symbol = named("bw_compose_shared");
    memcpy(&compose, &symbol, sizeof symbol);
    bw_part *part = compose("thread_cached(quad 16..1k) over system", NULL, 0);

    pthread_barrier_init(&used, NULL, 2);
    pthread_barrier_init(&unloaded, NULL, 2);
    pthread_t other;
    void *block = NULL;
    if (part == NULL || pthread_create(&other, NULL, thread, part) != 0) {
        return 1;
    }
    pthread_barrier_wait(&used);
    dlclose(library);
    pthread_barrier_wait(&unloaded);
    pthread_join(other, &block);
    return block == NULL;
}
