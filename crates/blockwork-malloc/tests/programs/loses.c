/* A malloc with a bug that `faults.c` has to find: it maps each block, and `realloc`
   gives the old one back before it knows whether there is a new one. */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* From code of this library, where refusals are looked for. */
static long call(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

struct head { void *base; size_t mapped, size; };

static struct head *head_of(void *block) { return (struct head *)block - 1; }

static void *take(size_t size, size_t align) {
    size_t mapped = (size + align + sizeof(struct head) + 4095) & ~(size_t)4095;
    long base = call(SYS_mmap, 0, (long)mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base < 0 && base > -4096) {
        errno = ENOMEM;
        return NULL;
    }
    uintptr_t block = ((uintptr_t)base + sizeof(struct head) + align - 1) & ~(uintptr_t)(align - 1);
    *head_of((void *)block) = (struct head){(void *)base, mapped, size};
    return (void *)block;
}

void free(void *block) {
    if (block) call(SYS_munmap, (long)head_of(block)->base, (long)head_of(block)->mapped, 0, 0, 0, 0);
}

void *malloc(size_t size) { return take(size, 64); }
void *calloc(size_t count, size_t size) { return take(count * size, 64); }
void *aligned_alloc(size_t align, size_t size) { return take(size, align < 64 ? 64 : align); }

int posix_memalign(void **block, size_t align, size_t size) {
    void *taken = aligned_alloc(align, size);
    if (taken) *block = taken;
    return taken ? 0 : ENOMEM;
}

void *realloc(void *block, size_t size) {
    static char kept[8 << 20];
    if (!block) return malloc(size);
    size_t old = head_of(block)->size, least = old < size ? old : size;
    if (least > sizeof kept) least = sizeof kept;
    memcpy(kept, block, least);
    free(block);
    void *moved = malloc(size);
    if (moved) memcpy(moved, kept, least);
    return moved;
}

int malloc_trim(size_t pad) {
    (void)pad;
    return 0;
}
