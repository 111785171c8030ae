/* Refuses the k-th call that maps, unmaps or changes memory, and no other; or that one
   and all that follow: for each k, in a process of its own, until none is refused. An
   argument is the step from one k to the next.

   While memory is refused, requests end in NULL and ENOMEM and nothing is lost. When it
   is back, everything can be had again. A filter sends the calls that the library of
   `malloc` makes, however it makes them, to a handler here, which refuses some. */
#define _GNU_SOURCE
#include "check.h"
#include <dlfcn.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { ARCH = AUDIT_ARCH_X86_64 };
static const int registers[] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};
#define ARGUMENT(context, n) ((context)->uc_mcontext.gregs[registers[n]])
#define RESULT(context) ((context)->uc_mcontext.gregs[REG_RAX])
#elif defined(__aarch64__)
enum { ARCH = AUDIT_ARCH_AARCH64 };
#define ARGUMENT(context, n) ((context)->uc_mcontext.regs[n])
#define RESULT(context) ((context)->uc_mcontext.regs[0])
#endif

#if defined(__x86_64__) || defined(__aarch64__)
enum plan { NONE, ONCE, FROM };
static enum plan plan;
static long chosen;
static atomic_long seen, refused;

static void on_call(int signal, siginfo_t *info, void *raw) {
    (void)signal;
    ucontext_t *context = raw;
    if (plan != NONE) {
        long number = atomic_fetch_add(&seen, 1);
        if (plan == ONCE ? number == chosen : number >= chosen) {
            atomic_fetch_add(&refused, 1);
            RESULT(context) = -ENOMEM;
            return;
        }
    }
    int before = errno;
    long result = syscall(info->si_syscall, ARGUMENT(context, 0), ARGUMENT(context, 1), ARGUMENT(context, 2),
                          ARGUMENT(context, 3), ARGUMENT(context, 4), ARGUMENT(context, 5));
    RESULT(context) = result == -1 ? -errno : result;
    errno = before;
}

/* The code of the library that `malloc` is in. */
static uintptr_t code_start, code_end;

static int find_code(struct dl_phdr_info *object, size_t size, void *raw) {
    (void)size;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        uintptr_t start = object->dlpi_addr + part->p_vaddr, end = start + part->p_memsz, at = (uintptr_t)raw;
        if (part->p_type == PT_LOAD && at >= start && at < end) code_start = start, code_end = end;
    }
    return code_start != 0;
}

/* Sends calls that change memory and come from there to `on_call`. */
static int filter_calls(void) {
    struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER};
    CHECK(sigaction(SIGSYS, &action, NULL) == 0);
    dl_iterate_phdr(find_code, dlsym(RTLD_DEFAULT, "malloc"));
    CHECK(code_start && code_start >> 32 == code_end >> 32);
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define JUMP(kind, value, yes, no) BPF_JUMP(BPF_JMP | (kind) | BPF_K, (value), (yes), (no))
    enum { HERE = offsetof(struct seccomp_data, instruction_pointer) };
    struct sock_filter code[] = {
        LOAD(offsetof(struct seccomp_data, arch)),
        JUMP(BPF_JEQ, ARCH, 0, 11),
        LOAD(offsetof(struct seccomp_data, nr)),
        JUMP(BPF_JEQ, SYS_mmap, 4, 0),
        JUMP(BPF_JEQ, SYS_munmap, 3, 0),
        JUMP(BPF_JEQ, SYS_mprotect, 2, 0),
        JUMP(BPF_JEQ, SYS_madvise, 1, 0),
        JUMP(BPF_JEQ, SYS_mremap, 0, 5),
        LOAD(HERE + 4),
        JUMP(BPF_JEQ, (uint32_t)(code_start >> 32), 0, 3),
        LOAD(HERE),
        JUMP(BPF_JGE, (uint32_t)code_start, 0, 1),
        JUMP(BPF_JGT, (uint32_t)code_end, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

enum { BLOCKS = 62 };

/* Of slabs, small and large; of spans, kept and not; of mappings of their own. */
static size_t size_of(unsigned i) {
    static const size_t sizes[] = {1, 100, 3000, 30000, 70000, 400000};
    return i < BLOCKS - 2 ? sizes[i % 6] : (size_t)17 << 20;
}

struct block { unsigned char *at; size_t size; unsigned byte; };
struct table { struct block blocks[BLOCKS]; sem_t turn, done; };

/* Of the main thread and of another. */
static struct table own, others;

/* Head and tail of it: the middle of the largest is only slow. */
static size_t part(size_t size) { return size < 9000 ? size : 9000; }

static void paint(struct block *block) {
    fill(block->at, part(block->size), block->byte);
    fill(block->at + block->size - part(block->size), part(block->size), block->byte);
}

static void look(const struct block *block) {
    CHECK(holds(block->at, part(block->size), block->byte));
    CHECK(holds(block->at + block->size - part(block->size), part(block->size), block->byte));
}

/* Whether it is there; or there is no memory, and nothing else is the matter. */
static int there(void *at, int must) {
    if (at) return 1;
    CHECK(errno == ENOMEM && !must);
    return 0;
}

static void take(struct block *block, size_t size, unsigned how, unsigned byte, int must) {
    void *at = NULL;
    errno = 0;
    switch (how) {
    case 0: at = calloc(1, size); break;
    case 1: at = aligned_alloc(4096, size); break;
    case 2: at = aligned_alloc((size_t)1 << 21, size); break;
    case 3: {
        int error = posix_memalign(&at, 64, size);
        CHECK(error == 0 || error == ENOMEM);
        errno = error;
        if (error) at = NULL;
        break;
    }
    default: at = malloc(size);
    }
    if (!there(at, must)) return;
    *block = (struct block){at, size, byte};
    if (how == 0)
        for (size_t i = 0; i < size; i += size < 9000 ? 1 : 509) CHECK(block->at[i] == 0);
    paint(block);
}

static void give(struct block *block) {
    if (!block->at) return;
    look(block);
    free(block->at);
    block->at = NULL;
}

/* Larger or smaller, in another place or not. */
static void change(struct block *block, size_t size, int must) {
    if (!block->at) return;
    errno = 0;
    unsigned char *at = realloc(block->at, size);
    if (!there(at, must)) { look(block); return; }
    size_t kept = size < part(block->size) ? size : part(block->size);
    CHECK(holds(at, kept, block->byte));
    *block = (struct block){at, size, block->byte + 1};
    paint(block);
}

static void work(struct table *table, int must) {
    for (unsigned i = 0; i < BLOCKS; i++) {
        struct block *block = &table->blocks[i];
        if (!block->at) take(block, size_of(i), i / 6, i, must);
        if (i % 3 == 1) give(&table->blocks[i / 2]);
    }
    for (unsigned i = 0; i < BLOCKS; i += 5) {
        struct block *block = &table->blocks[i];
        /* The largest is copied once: that takes long. */
        if (i == BLOCKS - 2 && (must || table != &own)) continue;
        change(block, block->size * 5 / 4 + 1, must);
        change(block, block->size / 3 + 1, must);
    }
}

static void look_at_all(const struct table *table) {
    for (unsigned i = 0; i < BLOCKS; i++)
        if (table->blocks[i].at) look(&table->blocks[i]);
}

static void give_all(struct table *table) {
    for (unsigned i = 0; i < BLOCKS; i++) give(&table->blocks[i]);
}

/* A thread that has no heap yet when memory is first refused. */
static void *other_thread(void *raw) {
    struct table *table = raw;
    for (int must = 0; must < 2; must++) {
        sem_wait(&table->turn);
        work(table, must);
        sem_post(&table->done);
    }
    return NULL;
}

static void have_it_work(struct table *table) {
    sem_post(&table->turn);
    sem_wait(&table->done);
}

/* The status of a process in which something was refused, and all was well. */
enum { AGAIN = 3 };

static int with_refusals(enum plan with, long k) {
    pthread_t thread;
    sem_init(&others.turn, 0, 0);
    sem_init(&others.done, 0, 0);
    CHECK(pthread_create(&thread, NULL, other_thread, &others) == 0);
    chosen = k;
    plan = with;
    work(&own, 0);
    have_it_work(&others);
    for (unsigned i = 0; i < BLOCKS; i += 2) give(&others.blocks[i]);
    work(&own, 0);
    malloc_trim(0);
    plan = NONE;

    look_at_all(&own);
    look_at_all(&others);
    work(&own, 1);
    have_it_work(&others);
    give_all(&own);
    give_all(&others);
    pthread_join(thread, NULL);
    work(&own, 1);
    give_all(&own);
    malloc_trim(0);
    return refused ? AGAIN : 0;
}

int main(int count, char **arguments) {
    long step = count > 1 ? atol(arguments[1]) : 1;
    if (!filter_calls()) {
        puts("there are no filters of calls here\ndone");
        return 0;
    }
    long total = 0;
    for (enum plan with = ONCE; with <= FROM; with++)
        for (long k = 0;; k += step) {
            CHECK(k < 5000);
            fflush(NULL);
            pid_t child = fork();
            CHECK(child >= 0);
            if (child == 0) _Exit(with_refusals(with, k));
            int status;
            CHECK(waitpid(child, &status, 0) == child);
            if (!WIFEXITED(status) || (WEXITSTATUS(status) != AGAIN && WEXITSTATUS(status) != 0)) {
                fprintf(stderr, "call %ld refused%s: status %x\n", k, with == FROM ? ", and all that follow" : "", status);
                return 1;
            }
            if (WEXITSTATUS(status) == 0) break;
            total++;
        }
    printf("%ld refusals\ndone\n", total);
    return 0;
}
#else
int main(void) {
    puts("not for this processor\ndone");
    return 0;
}
#endif
