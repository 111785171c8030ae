/* Frees that are none: a second time, of what is no block, with the wrong size. */
#include "attack.h"

#include <sys/mman.h>

/* ---- double free ---- */

/* A block in the middle of others, which are freed before new ones are made: so its memory is wanted. */
static char *surrounded(size_t size) {
    size_t count = some(size) / 2;
    fill(count, size);
    char *block = blocks[count / 2];
    blocks[count / 2] = NULL;
    return block;
}

static void given_again(size_t size) {
    drop_filled(some(size) / 2);
    given_twice(size);
}

static void twice(size_t size) {
    char *block = surrounded(size);
    drop(block);
    wrong_call();
    drop(block);
    afterwards();
    given_again(size);
}

/* With another free in between, which hides the first one from who looks at the last. */
static void twice_around(size_t size) {
    char *other = make(size), *block = surrounded(size);
    drop(block);
    drop(other);
    wrong_call();
    drop(block);
    afterwards();
    given_again(size);
}

static void twice_small(void) { twice(SMALL); }
static void twice_medium(void) { twice(MEDIUM); }
static void twice_large(void) { twice(LARGE); }
static void twice_mapped(void) { twice(MAPPED); }
static void around_small(void) { twice_around(SMALL); }
static void around_medium(void) { twice_around(MEDIUM); }
static void around_large(void) { twice_around(LARGE); }

static void twice_much_later(void) {
    fill(1000, SMALL);
    char *block = blocks[500];
    blocks[500] = NULL;
    for (size_t i = 0; i < 1000; i += 2) drop(blocks[i]);
    drop(block);
    for (size_t i = 1; i < 1000; i += 2) drop(blocks[i]);
    wrong_call();
    drop(block);
    afterwards();
    given_twice(SMALL);
}

static void twice_then_elsewhere(void) {
    char *block = surrounded(SMALL);
    drop(block);
    wrong_call();
    drop_elsewhere(block);
    afterwards();
    given_again(SMALL);
}

static void twice_elsewhere_then_here(void) {
    char *block = surrounded(SMALL);
    drop_elsewhere(block);
    wrong_call();
    drop(block);
    afterwards();
    given_again(SMALL);
}

static void twice_by_two_others(void) {
    char *block = surrounded(SMALL);
    drop_elsewhere(block);
    wrong_call();
    drop_elsewhere(block);
    afterwards();
    given_again(SMALL);
}

static void after_realloc(size_t from, size_t to) {
    char *block = surrounded(from), *moved = opaque(realloc(opaque(block), to));
    if (moved == block) return;
    wrong_call();
    drop(block);
    afterwards();
    given_again(from);
}

static void after_realloc_small(void) { after_realloc(SMALL, MEDIUM); }
static void after_realloc_large(void) { after_realloc(LARGE, MAPPED); }

/* The block has a new owner when it is freed for the second time: whether a third one gets it. */
static void of_another(size_t size) {
    char *block = make(size), *others = NULL;
    drop(block);
    for (size_t i = 0; i < some(size) / 40 + 1 && others != block; i++) others = make(size);
    if (others != block) return;
    wrong_call();
    drop(block);
    afterwards();
    given_out(others, size, size);
}

static void of_another_small(void) { of_another(SMALL); }
static void of_another_large(void) { of_another(LARGE); }

#define TWICE "new blocks overlap"

const struct attack double_frees[] = {
    {"small", TWICE, twice_small},
    {"medium", TWICE, twice_medium},
    {"large", TWICE, twice_large},
    {"mapped", TWICE, twice_mapped},
    {"small, another between", TWICE, around_small},
    {"medium, another between", TWICE, around_medium},
    {"large, another between", TWICE, around_large},
    {"small, a thousand others around", TWICE, twice_much_later},
    {"small, then another thread", TWICE, twice_then_elsewhere},
    {"small, first another thread", TWICE, twice_elsewhere_then_here},
    {"small, two other threads", TWICE, twice_by_two_others},
    {"small, realloc was the first", TWICE, after_realloc_small},
    {"large, realloc was the first", TWICE, after_realloc_large},
    {"small, has a new owner", "its owner's block is given out again", of_another_small},
    {"large, has a new owner", "its owner's block is given out again", of_another_large},
    {0},
};

/* ---- what is no block ---- */

/* Frees `wrong`, and wants to have the `len` bytes at it given out. */
static void frees(char *wrong, size_t len, size_t size) {
    wrong_call();
    drop(wrong);
    afterwards();
    given_out(wrong, len, size);
}

/* Memory dressed as a chunk in use of 64 bytes, and another behind it. */
static char *dressed(char *memory) {
    size_t *words = (size_t *)(((uintptr_t)memory + 15) & ~(uintptr_t)15);
    words[1] = 0x41;
    words[9] = 0x41;
    words[17] = 0x41;
    return (char *)(words + 2);
}

static void stack(void) {
    char local[256] = {0};
    frees((char *)(((uintptr_t)local + 15) & ~(uintptr_t)15), 48, SMALL);
}

static void stack_dressed(void) {
    char local[256] = {0};
    frees(dressed(local), 48, SMALL);
}

static void fixed(void) { frees(elsewhere + 64, 48, SMALL); }
static void fixed_misaligned(void) { frees(elsewhere + 65, 48, SMALL); }
static void fixed_dressed(void) { frees(dressed(elsewhere), 48, SMALL); }
static void code(void) { frees((char *)(uintptr_t)fixed, 48, SMALL); }
static void environment(void) { frees(getenv("PATH") ? getenv("PATH") : elsewhere, 48, SMALL); }
static void nowhere(void) { frees((char *)(uintptr_t)0x123456789000, 48, SMALL); }
static void low(void) { frees((char *)(uintptr_t)0x10, 48, SMALL); }

static void own_mapping(void) {
    char *pages = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    frees(pages + 4096, 4096, LARGE);
}

/* Inside of a live block, which others surround. */
static void inside(size_t size, size_t offset) {
    size_t count = some(size) / 4;
    fill(count, size);
    char *block = blocks[count / 2];
    memset(block, 0, size < 1 << 20 ? size : 8192);
    wrong_call();
    drop(block + offset);
    afterwards();
    for (size_t i = 0; i < count; i++)
        if (blocks[i] != block) drop(blocks[i]);
    /* The block is live, so whatever overlaps it has been given out of it. */
    given_out(block, size, size);
    given_out(block, size, SMALL);
}

static void inside_small(void) { inside(SMALL, 16); }
static void inside_medium(void) { inside(MEDIUM, 160); }
static void inside_large(void) { inside(LARGE, 160); }
static void inside_large_page(void) { inside(LARGE, 65536); }
static void inside_mapped(void) { inside(MAPPED, 1 << 16); }
static void misaligned_small(void) { inside(SMALL, 1); }
static void misaligned_medium(void) { inside(MEDIUM, 8); }
static void misaligned_large(void) { inside(LARGE, 1); }
static void misaligned_mapped(void) { inside(MAPPED, 8); }


static void realloc_fixed(void) {
    wrong_call();
    char *moved = opaque(realloc(opaque(elsewhere + 64), 200));
    afterwards();
    if (moved >= elsewhere && moved < elsewhere + sizeof elsewhere) reached();
    given_out(elsewhere + 64, 48, SMALL);
}

static void realloc_inside(void) {
    fill(1000, SMALL);
    char *block = blocks[500];
    memset(block, 0, SMALL);
    wrong_call();
    if (!opaque(realloc(opaque(block + 16), 200))) return;
    afterwards();
    for (size_t i = 0; i < 1000; i++)
        if (blocks[i] != block) drop(blocks[i]);
    given_out(block, SMALL, SMALL);
}

#define GIVEN "new blocks are given out of it"

const struct attack invalid_frees[] = {
    {"stack", GIVEN, stack},
    {"stack, dressed as a chunk", GIVEN, stack_dressed},
    {"static", GIVEN, fixed},
    {"static, misaligned", GIVEN, fixed_misaligned},
    {"static, dressed as a chunk", GIVEN, fixed_dressed},
    {"code", GIVEN, code},
    {"environment", GIVEN, environment},
    {"unmapped", GIVEN, nowhere},
    {"the first page", GIVEN, low},
    {"a mapping of the program's", GIVEN, own_mapping},
    {"inside of small", GIVEN, inside_small},
    {"inside of medium", GIVEN, inside_medium},
    {"inside of large", GIVEN, inside_large},
    {"inside of large, 64 KiB", GIVEN, inside_large_page},
    {"inside of mapped, 64 KiB", GIVEN, inside_mapped},
    {"misaligned, small", GIVEN, misaligned_small},
    {"misaligned, medium", GIVEN, misaligned_medium},
    {"misaligned, large", GIVEN, misaligned_large},
    {"misaligned, mapped", GIVEN, misaligned_mapped},
    {"realloc of static", GIVEN, realloc_fixed},
    {"realloc inside of small", GIVEN, realloc_inside},
    {0},
};

/* ---- with another size than it has ---- */

extern void delete_sized(void *, size_t) __asm__("_ZdlPvm");
extern void delete_array_sized(void *, size_t) __asm__("_ZdaPvm");
extern void delete_aligned(void *, size_t, size_t) __asm__("_ZdlPvmSt11align_val_t");
extern void *new_block(size_t) __asm__("_Znwm");
extern void *new_array(size_t) __asm__("_Znam");
extern void *new_aligned(size_t, size_t) __asm__("_ZnwmSt11align_val_t");

/* Whoever deletes an object as another type goes on with that mistake. */
static void unnoticed(void) {
    afterwards();
    reached();
}

static void too_large(void) {
    void *block = opaque(new_block(SMALL));
    wrong_call();
    delete_sized(block, 10 * SMALL);
    unnoticed();
}

static void too_small(void) {
    void *block = opaque(new_block(10 * SMALL));
    wrong_call();
    delete_sized(block, SMALL);
    unnoticed();
}

static void wrong_array(void) {
    void *block = opaque(new_array(MEDIUM));
    wrong_call();
    delete_array_sized(block, 10);
    unnoticed();
}

static void wrong_alignment(void) {
    void *block = opaque(new_aligned(256, 256));
    wrong_call();
    delete_aligned(block, 4096, 256);
    unnoticed();
}

static void large_as_small(void) {
    void *block = opaque(new_block(LARGE));
    wrong_call();
    delete_sized(block, SMALL);
    unnoticed();
}

#define UNNOTICED "the mistake passes"

const struct attack wrong_deletes[] = {
    {"small as ten times that", UNNOTICED, too_large},
    {"small as a tenth of that", UNNOTICED, too_small},
    {"array", UNNOTICED, wrong_array},
    {"aligned", UNNOTICED, wrong_alignment},
    {"large as small", UNNOTICED, large_as_small},
    {0},
};
