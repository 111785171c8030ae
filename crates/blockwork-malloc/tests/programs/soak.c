/* Load: rounds of threads that come and go, hand blocks to one another, and are
   forked and replaced meanwhile. What every block holds is looked at before it is
   freed, every block is freed once and by the end of its round, and rounds do not
   grow: neither in memory that is resident, nor in mappings, nor in what the malloc
   says it holds.

   soak OPERATIONS [leak | damage | lose]: the words make one mistake on purpose. */
#define _GNU_SOURCE
#include "check.h"
#include <malloc.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 24, WARM = 8, LIVES = 3, WORKERS = 3, SHARED = 512, OWN = 256, FORKS = 2 };

/* What is at the start of each block; the rest of it follows from the seed. */
struct head { uint32_t size, seed; };

static enum { NOTHING, LEAK, DAMAGE, LOSE } mistake;
static struct head *shared[SHARED];

/* Of the whole run: what was taken, given back and looked at. */
static struct tally { uint64_t operations, taken, freed, bytes_taken, bytes_freed; } all;

static void add(const struct tally *own) {
    __atomic_add_fetch(&all.operations, own->operations, __ATOMIC_RELAXED);
    __atomic_add_fetch(&all.taken, own->taken, __ATOMIC_RELAXED);
    __atomic_add_fetch(&all.freed, own->freed, __ATOMIC_RELAXED);
    __atomic_add_fetch(&all.bytes_taken, own->bytes_taken, __ATOMIC_RELAXED);
    __atomic_add_fetch(&all.bytes_freed, own->bytes_freed, __ATOMIC_RELAXED);
}

static uint64_t word(uint32_t seed, size_t at) { return (seed + at) * 0x9E3779B97F4A7C15u; }

/* Writes or compares whole words behind the head, and the bytes that are left. */
static void write_from(struct head *block, size_t from) {
    char *bytes = (char *)block;
    for (size_t at = from; at < block->size; at += 8) {
        uint64_t value = word(block->seed, at);
        memcpy(bytes + at, &value, block->size - at < 8 ? block->size - at : 8);
    }
}

static void look_at(const struct head *block, size_t until) {
    const char *bytes = (const char *)block;
    for (size_t at = sizeof *block; at < until; at += 8) {
        uint64_t value = word(block->seed, at);
        CHECK(memcmp(bytes + at, &value, until - at < 8 ? until - at : 8) == 0);
    }
}

/* Mostly small, some of spans, few of mappings. */
static size_t some_size(uint64_t *state) {
    unsigned kind = dice(state) % 4096;
    if (kind == 0) return 100000 + dice(state) % 1000000;
    if (kind < 40) return 1000 + dice(state) % 30000;
    return sizeof(struct head) + dice(state) % (1u << (4 + dice(state) % 6));
}

static struct head *take(uint64_t *state, struct tally *tally) {
    size_t size = some_size(state);
    struct head *block;
    switch (dice(state) % 16) {
    case 0: {
        block = calloc(1, size);
        CHECK(block);
        for (size_t i = 0; i < size; i++) CHECK(((char *)block)[i] == 0);
        break;
    }
    case 1: {
        size_t align = (size_t)16 << dice(state) % 9;
        block = aligned_alloc(align, size);
        CHECK(block && (uintptr_t)block % align == 0);
        break;
    }
    default: block = malloc(size); CHECK(block);
    }
    *block = (struct head){(uint32_t)size, dice(state)};
    write_from(block, sizeof *block);
    tally->taken++;
    tally->bytes_taken += size;
    return block;
}

static void give(struct head *block, struct tally *tally) {
    if (!block) return;
    CHECK(block->size >= sizeof *block);
    look_at(block, block->size);
    tally->freed++;
    tally->bytes_freed += block->size;
    /* Who has it too, by a mistake of the malloc, will see that. */
    block->size = 0;
    if (mistake == LEAK && tally->freed % 16 == 0) return;
    free(block);
}

static struct head *change(struct head *block, uint64_t *state, struct tally *tally) {
    size_t old = block->size, size = some_size(state);
    block = realloc(block, size);
    CHECK(block && block->size == old);
    look_at(block, old < size ? old : size);
    tally->bytes_freed += old;
    tally->bytes_taken += size;
    block->size = (uint32_t)size;
    write_from(block, sizeof *block);
    return block;
}

struct life { uint64_t seed, operations; };

static void live(struct life life) {
    uint64_t state = life.seed;
    struct tally tally = {0};
    struct head *own[OWN] = {0};
    for (uint64_t step = 0; step < life.operations; step++) {
        unsigned at = dice(&state) % OWN;
        switch (dice(&state) % 8) {
        case 0: /* To whom it may concern: blocks are mostly freed by others. */
            own[at] = __atomic_exchange_n(&shared[dice(&state) % SHARED], own[at], __ATOMIC_ACQ_REL);
            break;
        case 1:
            if (own[at]) own[at] = change(own[at], &state, &tally);
            break;
        default:
            give(own[at], &tally);
            own[at] = take(&state, &tally);
        }
        tally.operations++;
        if (mistake == DAMAGE && step == 2000 && own[at] && own[at]->size > 20) ((char *)own[at])[17] ^= 1;
        if (mistake == LOSE && step == 2000) own[at] = NULL;
    }
    /* A thread ends and leaves some of its blocks to those after it. */
    for (int i = 0; i < OWN; i++) {
        struct head *left = own[i];
        if (i % 4 == 0) left = __atomic_exchange_n(&shared[dice(&state) % SHARED], left, __ATOMIC_ACQ_REL);
        give(left, &tally);
    }
    add(&tally);
}

static void *life(void *argument) {
    live(*(struct life *)argument);
    return NULL;
}

/* One after the other, each in a thread of its own, started by a thread. */
static void *worker(void *argument) {
    struct life whole = *(struct life *)argument;
    for (int i = 0; i < LIVES; i++) {
        struct life part = {whole.seed * 31 + (uint64_t)i, whole.operations / LIVES};
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, life, &part) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
    return NULL;
}

/* The blocks of the parent are whole, as far as they lie still; and the child goes on. */
static void child(uint64_t seed, char *self) {
    live((struct life){seed, 2000});
    for (int i = 0; i < SHARED; i++) {
        struct head *block = __atomic_exchange_n(&shared[i], NULL, __ATOMIC_ACQ_REL);
        if (block) look_at(block, block->size);
        free(block);
    }
    struct life part = {seed + 1, 2000};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, life, &part) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    if (seed % 2) execl("/proc/self/exe", self, "0", (char *)NULL);
    _exit(0);
}

static double mappings(void) {
    FILE *file = fopen("/proc/self/maps", "r");
    CHECK(file);
    double count = 0;
    for (int c; (c = fgetc(file)) != EOF;) count += c == '\n';
    fclose(file);
    return count;
}

/* By how much the straight line through `values` rises from the first to the last. */
static double rise(const double *values, int count) {
    double mean = 0, middle = (count - 1) / 2.0, above = 0, below = 0;
    for (int i = 0; i < count; i++) mean += values[i] / count;
    for (int i = 0; i < count; i++) {
        above += (i - middle) * (values[i] - mean);
        below += (i - middle) * (i - middle);
    }
    return above / below * (count - 1);
}

static void one_round(uint64_t operations, char *self) {
    struct life lives[WORKERS];
    pthread_t threads[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        /* The same in every round, but for how the threads meet. */
        lives[i] = (struct life){(uint64_t)i + 1, operations / WORKERS};
        CHECK(pthread_create(&threads[i], NULL, worker, &lives[i]) == 0);
    }
    for (uint64_t i = 0; i < FORKS; i++) {
        usleep(500);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            alarm(300);
            child(i, self);
        }
        int status;
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    }
    for (int i = 0; i < WORKERS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    struct tally rest = {0};
    for (int i = 0; i < SHARED; i++) give(__atomic_exchange_n(&shared[i], NULL, __ATOMIC_ACQ_REL), &rest);
    add(&rest);
}

int main(int count, char **arguments) {
    uint64_t operations = count > 1 ? strtoull(arguments[1], NULL, 10) : 1000000;
    const char *word = count > 2 ? arguments[2] : "";
    mistake = !strcmp(word, "leak") ? LEAK : !strcmp(word, "damage") ? DAMAGE : !strcmp(word, "lose") ? LOSE : NOTHING;
    if (operations == 0) {
        /* A child that has become another program. */
        live((struct life){7, 1000});
        return 0;
    }
    static double resident[ROUNDS], maps[ROUNDS], held[ROUNDS], used[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        one_round(operations / ROUNDS, arguments[0]);
        struct mallinfo2 info = mallinfo2();
        resident[i] = (double)status_bytes("VmRSS:");
        maps[i] = mappings();
        held[i] = (double)info.arena + (double)info.hblkhd;
        used[i] = (double)info.uordblks;
    }
    enum { MEASURED = ROUNDS - WARM };
    double more_resident = rise(resident + WARM, MEASURED), more_maps = rise(maps + WARM, MEASURED);
    double more_held = rise(held + WARM, MEASURED), more_used = rise(used + WARM, MEASURED);
    printf("soak: %llu operations; %llu blocks of %llu bytes taken, %llu of %llu freed\n",
           (unsigned long long)all.operations, (unsigned long long)all.taken, (unsigned long long)all.bytes_taken,
           (unsigned long long)all.freed, (unsigned long long)all.bytes_freed);
    printf("soak: in the last %d of %d rounds, of %llu operations each: resident %+.0f to %.0f kB, "
           "mappings %+.1f to %.0f, held %+.0f to %.0f kB, in use %+.0f to %.0f kB\n",
           MEASURED, ROUNDS, (unsigned long long)(operations / ROUNDS), more_resident / 1024,
           resident[ROUNDS - 1] / 1024, more_maps, maps[ROUNDS - 1], more_held / 1024, held[ROUNDS - 1] / 1024,
           more_used / 1024, used[ROUNDS - 1] / 1024);
    fflush(stdout);
    /* Nothing is lost. */
    CHECK(all.taken == all.freed && all.bytes_taken == all.bytes_freed);
    /* Nothing grows, but by what the meeting of threads makes of it: blocks on their way
       home count as used. The bounds are the same however long the rounds are. */
    const double SOME = 6 << 20;
    CHECK(more_used < SOME / 2);
    CHECK(more_held < SOME);
    CHECK(more_resident < SOME);
    CHECK(more_maps < 24);
    puts("done");
    return 0;
}
