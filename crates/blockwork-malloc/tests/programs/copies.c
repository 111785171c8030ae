/* Several mallocs in one process: `copies A B` opens two copies of the library, with
   threads that are older than they are, and closes them again. */
#define _GNU_SOURCE
#include "check.h"
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>

enum { STEPS = 20000, COPIES = 4 };

struct copy {
    void *handle;
    void *(*malloc)(size_t);
    void (*free)(void *);
    void *(*realloc)(void *, size_t);
};

static struct copy copies[COPIES];
static pthread_barrier_t opened, used, closed;

static void use(const struct copy *copy, uint64_t state) {
    void *blocks[100] = {0};
    size_t sizes[100] = {0};
    for (int step = 0; step < STEPS; step++) {
        unsigned i = dice(&state) % 100;
        if (blocks[i]) CHECK(holds(blocks[i], sizes[i] < 80 ? sizes[i] : 80, i));
        size_t size = 1 + dice(&state) % (1u << dice(&state) % 18);
        if (step % 3) {
            copy->free(blocks[i]);
            blocks[i] = copy->malloc(size);
        } else {
            blocks[i] = copy->realloc(blocks[i], size);
        }
        CHECK(blocks[i]);
        sizes[i] = size;
        fill(blocks[i], size < 80 ? size : 80, i);
    }
    for (int i = 0; i < 100; i++) copy->free(blocks[i]);
}

static void *run(void *argument) {
    struct copy own = {NULL, malloc, free, realloc};
    use(&own, (uintptr_t)argument);
    pthread_barrier_wait(&opened);
    for (int i = 0; i < COPIES && copies[i].handle; i++) use(&copies[i], (uintptr_t)argument);
    pthread_barrier_wait(&used);
    pthread_barrier_wait(&closed);
    use(&own, (uintptr_t)argument);
    /* And now the thread ends, whose heaps are of libraries that were closed. */
    return NULL;
}

static void find(struct copy *copy, void *handle) {
    CHECK(handle || (fprintf(stderr, "%s\n", dlerror()), 0));
    copy->handle = handle;
    *(void **)&copy->malloc = dlsym(handle, "malloc");
    *(void **)&copy->free = dlsym(handle, "free");
    *(void **)&copy->realloc = dlsym(handle, "realloc");
    CHECK(copy->malloc && copy->free && copy->realloc);
}

int main(int count, char **arguments) {
    CHECK(count == 3);
    pthread_t threads[3];
    pthread_barrier_init(&opened, NULL, 4);
    pthread_barrier_init(&used, NULL, 4);
    pthread_barrier_init(&closed, NULL, 4);
    for (uintptr_t i = 0; i < 3; i++) CHECK(pthread_create(&threads[i], NULL, run, (void *)(i + 1)) == 0);
    find(&copies[0], dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL));
    find(&copies[1], dlopen(arguments[2], RTLD_NOW | RTLD_LOCAL));
    CHECK(copies[0].malloc != copies[1].malloc && copies[0].malloc != (void *(*)(size_t))malloc);
    pthread_barrier_wait(&opened);
    for (int i = 0; i < COPIES && copies[i].handle; i++) use(&copies[i], 9);
    pthread_barrier_wait(&used);
    for (int i = 0; i < COPIES && copies[i].handle; i++) CHECK(dlclose(copies[i].handle) == 0);
    pthread_barrier_wait(&closed);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    /* A namespace of its own has a C library of its own, too. */
    void *apart = dlmopen(LM_ID_NEWLM, arguments[1], RTLD_NOW);
    if (apart) {
        struct copy copy;
        find(&copy, apart);
        use(&copy, 10);
    }
    puts("done");
    return 0;
}
