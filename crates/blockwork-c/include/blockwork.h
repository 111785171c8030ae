/*
 * blockwork.h: block allocators that compose, for C11 and C++17.
 *
 *     bw_part *spans = bw_span_pool(bw_pages(), 4096, 0);
 *     bw_part *small = bw_size_classes(bw_interface(spans), 1024, 0);
 *     bw_part *heap  = bw_segregate(1024, bw_interface(small), bw_interface(spans));
 *
 *     char *text = bw_allocate(bw_interface(heap), 100, 1);
 *     bw_deallocate(bw_interface(heap), text, 100, 1);
 *
 *     bw_destroy(heap);
 *     bw_destroy(small);
 *     bw_destroy(spans);
 *
 * An allocator is a `bw_allocator`: a context and a few functions. You can fill
 * one in yourself. The library's own are parts, `bw_part *`, which are made over
 * an allocator, their parent, and are allocators themselves: bw_interface().
 *
 * Lifetimes. A part keeps the part that it stands on alive, so parts may be
 * destroyed in any order; blocks of a part end with it. Of a `bw_allocator` of
 * yours a part keeps a copy: what its context points to, and the memory of
 * bw_buffer() and the functions of bw_source(), have to outlive the part and all
 * parts over it. The interface of a part in which you replaced a function is one
 * of yours; so are those of a second copy of the library in the same program.
 *
 * Threads. A part is for one thread at a time, and so is what it stands on,
 * unless it says that it is for all threads. Functions and contexts of yours are
 * called by whichever thread uses a part over them.
 *
 * After a fork of a program with several threads the child must not use parts that
 * the other threads were using.
 *
 * Sizes and alignments. Whoever gives a block back says its size and alignment,
 * as with C++'s sized delete: nothing is stored beside it. bw_acquire() is for
 * those who want to say neither. A request of zero bytes gets a pointer that is
 * not null, aligned, and points to no memory; giving it back does nothing.
 *
 * Failure. A function that returns a pointer returns NULL, one that returns int
 * returns -1, and errno says why; bw_last_error() says it in words. errno is
 *   EINVAL           for an argument that breaks a rule: a null parent, an
 *                    alignment that is no power of two, a configuration, a text
 *   ENOMEM           when there is no memory, or can be none for that size
 *   EBUSY            when a part is in use by others
 *   ENOTSUP          when this kind of part cannot do it
 *   ENOTRECOVERABLE  when bw_check() finds the books in disorder
 * A null part has a null interface, and a null parent is refused, so what is
 * built step by step needs one check at its end. Nothing is thrown, and a
 * callback must not throw, or leave by longjmp: that ends the program.
 *
 * Wrong sizes, blocks of others and double frees are as undefined as they are
 * with malloc; put bw_checked() over an allocator to have them found.
 */
#ifndef BLOCKWORK_H
#define BLOCKWORK_H

#include <stddef.h>
#include <stdint.h>
#ifndef __cplusplus
#include <stdbool.h>
#endif

#define BW_VERSION_MAJOR 0
#define BW_VERSION_MINOR 1
#define BW_VERSION_PATCH 0

#ifdef __cplusplus
#define BW_NOEXCEPT noexcept
extern "C" {
#else
#define BW_NOEXCEPT
#endif

/* Every function of the library is declared with this. */
#if defined(__GNUC__)
#define BW_API __attribute__((visibility("default"))) extern
#else
#define BW_API extern
#endif

/* The version of the library that runs, as in "0.1.0". */
BW_API const char *bw_version(void) BW_NOEXCEPT;

/* Why the last function that failed in this thread did so, in words; "" if none
 * did. Valid until the next failure of this thread. */
BW_API const char *bw_last_error(void) BW_NOEXCEPT;

/* ---- Allocators ---------------------------------------------------------- */

/*
 * An allocator: a context, and functions that get it first.
 *
 * `allocate` gets a size that is not 0 and an alignment that is a power of two,
 * and returns NULL when it cannot. `deallocate` gets the alignment that the block
 * was asked for with, and a size with the same grant; where there is no
 * `granted`, that is the very size. `resize` makes a block another size where it
 * stands, or returns false and changes nothing. `granted` tells the bytes that a
 * request really gets, all of which the caller may use: at least those asked for,
 * always the same for the same arguments, no fewer for a larger size, and for
 * itself the same again; it may be called at any time, from any thread.
 */
typedef struct bw_allocator {
    void *context;
    void *(*allocate)(void *context, size_t size, size_t align);
    void (*deallocate)(void *context, void *block, size_t size, size_t align);
    /* NULL: blocks are never resized where they stand. */
    bool (*resize)(void *context, void *block, size_t old_size, size_t new_size, size_t align);
    /* NULL: a request gets what it asks for. */
    size_t (*granted)(void *context, size_t size, size_t align);
} bw_allocator;

/* A block of `size` bytes at `align`, uninitialised. */
BW_API void *bw_allocate(const bw_allocator *allocator, size_t size, size_t align) BW_NOEXCEPT;

/* The same, of zeroes. */
BW_API void *bw_allocate_zeroed(const bw_allocator *allocator, size_t size, size_t align) BW_NOEXCEPT;

/* Gives a block back; NULL is none. An alignment that is no power of two gives
 * nothing back, and sets errno. */
BW_API void bw_deallocate(const bw_allocator *allocator, void *block, size_t size, size_t align) BW_NOEXCEPT;

/* Makes a block another size where it stands; false if it would have to move. */
BW_API bool bw_resize(const bw_allocator *allocator, void *block, size_t old_size, size_t new_size,
                      size_t align) BW_NOEXCEPT;

/* Makes a block another size, and moves it with what it holds if it has to; NULL
 * is a block of size 0. On failure the old block is as it was. */
BW_API void *bw_reallocate(const bw_allocator *allocator, void *block, size_t old_size, size_t new_size,
                           size_t align) BW_NOEXCEPT;

/* The bytes that a request really gets; 0 exactly for 0, and with errno set for
 * arguments that are wrong. */
BW_API size_t bw_granted(const bw_allocator *allocator, size_t size, size_t align) BW_NOEXCEPT;

/* ---- Parts --------------------------------------------------------------- */

/* A part of a composition; made by the functions below. */
typedef struct bw_part bw_part;

/* How to allocate from a part, as long as it is not destroyed; NULL for NULL. */
BW_API const bw_allocator *bw_interface(const bw_part *part) BW_NOEXCEPT;

/* Destroys a part: at once, or if other parts stand on it, with the last of them.
 * All of its memory goes back to its parent, that of live blocks too (but those
 * of combinators and of bw_memo() are their parent's, and stay). NULL is fine.
 * EBUSY, and nothing happens, while it is the current one of this thread. */
BW_API int bw_destroy(bw_part *part) BW_NOEXCEPT;

/* Ends every block of a strategy, a buffer or a heap. EBUSY while other parts
 * stand on it, ENOTSUP for other kinds. */
BW_API int bw_reset(bw_part *part) BW_NOEXCEPT;

/* Gives back what a strategy, a heap or a thread cache keeps without need; nobody
 * may be using it. */
BW_API int bw_trim(bw_part *part) BW_NOEXCEPT;

/* Bytes that a strategy, a heap or a thread cache has of its parent now, live or
 * kept. 0 for what only passes requests on, and for what bw_compose() made: count in the text. */
BW_API size_t bw_held(const bw_part *part) BW_NOEXCEPT;

/* Walks the books of a part and of those below it; for tests. */
BW_API int bw_check(const bw_part *part) BW_NOEXCEPT;

/* What was counted, at one moment. Bytes are as granted. */
typedef struct bw_statistics {
    uint64_t blocks_live;
    uint64_t bytes_live;
    uint64_t bytes_peak;  /* the most that were live at once */
    uint64_t bytes_total; /* ever granted */
    uint64_t requests;    /* for a block, served or not */
    uint64_t resizes;     /* in place */
    uint64_t failures;    /* requests that were not served */
} bw_statistics;

/* Writes what a part of bw_counted() or bw_heap() has counted to `to`. */
BW_API int bw_statistics_read(const bw_part *part, bw_statistics *to) BW_NOEXCEPT;

/* ---- Sources ------------------------------------------------------------- */

/* The allocator of the system, which is malloc; for all threads. */
BW_API const bw_allocator *bw_system(void) BW_NOEXCEPT;

/* Whole pages from the operating system; for all threads. */
BW_API const bw_allocator *bw_pages(void) BW_NOEXCEPT;

/* The malloc of this library, below, as an allocator; for all threads. */
BW_API const bw_allocator *bw_malloc_interface(void) BW_NOEXCEPT;

/* `size` bytes at `memory`, lent to one holder at a time: a strategy that asks
 * once, as bw_bump() of no more than that. */
BW_API bw_part *bw_buffer(void *memory, size_t size) BW_NOEXCEPT;

/* Whoever has functions like malloc and free: `acquire` gives memory of a size
 * that is not 0, at a multiple of 16, or NULL; `release` takes it back. Larger
 * alignments are cut from larger requests. */
BW_API bw_part *bw_source(void *(*acquire)(void *context, size_t size),
                          void (*release)(void *context, void *memory), void *context) BW_NOEXCEPT;

/* ---- Strategies: they carve what their parent gives ---------------------- */

/* One span of `capacity` bytes, taken at the first request and cut from the
 * front; only the last block comes back before the end. */
BW_API bw_part *bw_bump(const bw_allocator *parent, size_t capacity) BW_NOEXCEPT;

/* A chain of such spans, each twice as large as the one before, from `first` to
 * `largest` bytes; 0 for 4 KiB and 1 MiB. */
BW_API bw_part *bw_arena(const bw_allocator *parent, size_t first, size_t largest) BW_NOEXCEPT;

/* Keeps up to `limit` freed bytes, SIZE_MAX for all, for the next request of the
 * same size and alignment. */
BW_API bw_part *bw_memo(const bw_allocator *parent, size_t limit) BW_NOEXCEPT;

/* Slots of one size, a multiple of a pointer's, in slabs of `slab_size` bytes, a
 * power of two; 0 for 64 KiB. A slab that empties goes back, but for one. */
BW_API bw_part *bw_slab(const bw_allocator *parent, size_t slot_size, size_t slab_size) BW_NOEXCEPT;

/* Blocks of any size, front to back in slabs of `slab_size` bytes, a power of
 * two; 0 for 64 KiB. A slab is used again when all of it is free. */
BW_API bw_part *bw_mixed_slab(const bw_allocator *parent, size_t slab_size) BW_NOEXCEPT;

/* A block pool: blocks of one size and alignment, in chunks of so many; 0 for as
 * many as 64 KiB hold. */
BW_API bw_part *bw_pool(const bw_allocator *parent, size_t block_size, size_t block_align,
                        size_t blocks_per_chunk) BW_NOEXCEPT;

/* The same for all threads, without a lock, in chunks of `chunk_size` bytes, a
 * power of two; 0 for 64 KiB. Its parent is asked by one thread at a time; if
 * others use that parent too, it has to be for all threads. */
BW_API bw_part *bw_concurrent_pool(const bw_allocator *parent, size_t block_size, size_t block_align,
                                   size_t chunk_size) BW_NOEXCEPT;

/* Runs of blocks of `block` bytes, a power of two; 0 for 4 KiB. They are cut from
 * chunks of `request` bytes, a power of two; 0 for 16 blocks. Between a quarter
 * and half of all memory is kept when it is free. */
BW_API bw_part *bw_span_pool(const bw_allocator *parent, size_t block, size_t request) BW_NOEXCEPT;

/* Slabs for each class of sizes, four to each doubling, up to `largest` bytes, a
 * power of two from 128 to 1 MiB; nothing above is served: see bw_segregate().
 * Slabs have `slab_size` bytes, a power of two; 0 for 64 KiB. */
BW_API bw_part *bw_size_classes(const bw_allocator *parent, size_t largest, size_t slab_size) BW_NOEXCEPT;

/* A heap for everything, for one thread: up to 4 KiB from size classes, the rest
 * as runs of 4 KiB, both from chunks of `chunk` bytes, a power of two of at least
 * 64 KiB; 0 for 1 MiB. It counts, and goes as a whole: bw_destroy() or bw_reset()
 * end all of its blocks at once, in time that depends on its chunks only. */
BW_API bw_part *bw_heap(const bw_allocator *parent, size_t chunk) BW_NOEXCEPT;

/* ---- Combinators: they decide or observe, and carve nothing -------------- */

/* Requests of up to `boundary` bytes, padded to their alignment, to `small`, all
 * others to `large`. */
BW_API bw_part *bw_segregate(size_t boundary, const bw_allocator *small,
                             const bw_allocator *large) BW_NOEXCEPT;

/* Counts blocks and bytes: bw_statistics_read(). */
BW_API bw_part *bw_counted(const bw_allocator *parent) BW_NOEXCEPT;

/* Lets at most `limit` bytes be live. */
BW_API bw_part *bw_quota(const bw_allocator *parent, size_t limit) BW_NOEXCEPT;

/* For all threads, one at a time, if nobody uses the parent but through this. */
BW_API bw_part *bw_locked(const bw_allocator *parent) BW_NOEXCEPT;

/* Each thread keeps freed blocks of up to `largest` bytes, a power of two from 128
 * to 1 MiB, for itself and does without its parent's lock: per class of sizes at
 * most `limit` bytes in each of two magazines; 0 for 64 KiB. For all threads, if
 * the parent is. bw_trim() gives back what the calling thread keeps, and what none
 * does. */
BW_API bw_part *bw_thread_cached(const bw_allocator *parent, size_t largest, size_t limit) BW_NOEXCEPT;

/* Finds blocks that are freed twice, or with a wrong size, or are of others, or
 * were written past their ends or after their free, and those that are live when
 * it is destroyed. `report` is told in words; with NULL a mistake ends the
 * program with them. What is wrong is not done. Exactly what is asked for is
 * granted; the books, and nothing else, are memory of the system. */
BW_API bw_part *bw_checked(const bw_allocator *parent, void (*report)(void *context, const char *message),
                           void *context) BW_NOEXCEPT;

/* ---- Compositions from text ---------------------------------------------- */

/* An allocator, and how a text calls it: a word. */
typedef struct bw_named {
    const char *name;
    const bw_allocator *allocator;
} bw_named;

/*
 * The composition that `text` describes, in the notation of the project, as in
 *   "let s = span_pool(64k) over pages; segregate(<=1k: slab(quad 16..1k) over s, else s)"
 * It may name `count` allocators of yours as sources. Where the text is wrong,
 * bw_last_error() says where, and which word may have been meant. The parts'
 * own books are made by the allocator of the system, and having no memory for
 * them ends the program.
 */
BW_API bw_part *bw_compose(const char *text, const bw_named *sources, size_t count) BW_NOEXCEPT;

/* The same for all threads: parts that are for one have to stand behind `locked`,
 * and the sources have to be for all threads. */
BW_API bw_part *bw_compose_shared(const char *text, const bw_named *sources, size_t count) BW_NOEXCEPT;

/* ---- Blocks that know their size and their allocator --------------------- */

/* A block of `size` bytes from `allocator`, aligned for anything, with two words
 * before it that say so. `allocator` is remembered by its address. */
BW_API void *bw_acquire_from(const bw_allocator *allocator, size_t size) BW_NOEXCEPT;

/* The same from bw_current(). */
BW_API void *bw_acquire(size_t size) BW_NOEXCEPT;

/* Gives such a block back to the allocator that it is from, whichever is current
 * now; NULL is none. */
BW_API void bw_release(void *block) BW_NOEXCEPT;

/* The size that such a block was asked for with; 0 for NULL. */
BW_API size_t bw_acquired(const void *block) BW_NOEXCEPT;

/* ---- The malloc of this library ------------------------------------------- */

/* malloc, calloc, realloc, free and aligned_alloc as the C library has them, in
 * a heap of their own: for all threads, and there is one in a process. A pointer
 * from here goes back to bw_free() or bw_realloc(), and no other does; what is no
 * block ends the program with a message, as far as that is seen.
 * bw_realloc(block, 0) frees and returns NULL; bw_aligned_alloc() takes any power
 * of two and any size. To put it in the place of malloc, preload
 * libblockwork-preload.so. */
BW_API void *bw_malloc(size_t size) BW_NOEXCEPT;
BW_API void *bw_calloc(size_t count, size_t size) BW_NOEXCEPT;
BW_API void *bw_realloc(void *block, size_t size) BW_NOEXCEPT;
BW_API void bw_free(void *block) BW_NOEXCEPT;
BW_API void *bw_aligned_alloc(size_t align, size_t size) BW_NOEXCEPT;

/* The bytes that may be used of such a block; 0 for NULL. */
BW_API size_t bw_usable_size(const void *block) BW_NOEXCEPT;

/* Gives the system what is kept for later; 1. */
BW_API int bw_malloc_trim(void) BW_NOEXCEPT;

/* ---- The current allocator of a thread ----------------------------------- */

/* The current allocator of this thread; bw_system() if there is no other. */
BW_API const bw_allocator *bw_current(void) BW_NOEXCEPT;

/* Makes `allocator`, which is remembered by its address, the current one, and
 * returns the one that was; NULL, with nothing changed, if it is no allocator. */
BW_API const bw_allocator *bw_push(const bw_allocator *allocator) BW_NOEXCEPT;

/* Makes the current one again what bw_push() returned. This is all that there is
 * to leaving a scope, so whoever catches a longjmp restores what bw_current() said
 * at the setjmp. */
BW_API void bw_pop(const bw_allocator *outer) BW_NOEXCEPT;

#ifdef __cplusplus
} /* extern "C"; blockwork.hpp has scopes and owners for C++ */
#elif defined(__GNUC__)

/*
 * BW_SCOPE(allocator) { ... }
 *
 * `allocator` is current in the braces, however they are left: at their end, by
 * break, by return, by goto; not by longjmp. With no allocator they are skipped.
 */
#define BW_SCOPE(allocator) BW_SCOPE_NAMED(allocator, __LINE__)
#define BW_SCOPE_JOIN(one, other) one##other
#define BW_SCOPE_NAMED(allocator, line) BW_SCOPE_AS(allocator, BW_SCOPE_JOIN(bw_scope_, line))
#define BW_SCOPE_AS(allocator, scope)                                                             \
    for (bw_scope scope __attribute__((cleanup(bw_scope_leave))) = bw_scope_enter(allocator);     \
         scope.runs; scope.runs = false)

typedef struct bw_scope {
    const bw_allocator *outer;
    bool runs;
} bw_scope;

static inline bw_scope bw_scope_enter(const bw_allocator *allocator) {
    const bw_allocator *outer = bw_push(allocator);
    bw_scope scope = {outer, outer != NULL};
    return scope;
}

static inline void bw_scope_leave(bw_scope *scope) {
    if (scope->outer != NULL) {
        bw_pop(scope->outer);
    }
}

#endif

#endif
