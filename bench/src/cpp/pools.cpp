// Pools of C++, and the loops of `kinds/fixed.rs` and `kinds/bump.rs` around them: so that what is in a header is
// compiled into its loop, as Rust's pools are into theirs.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory_resource>
#include <new>

#ifdef WITH_BOOST
#include <boost/pool/pool.hpp>
#endif

namespace {

// As `src/opaque.rs`: the compiler knows nothing of the pointer, nor of any memory.
template <class T>
inline __attribute__((always_inline)) T* opaque(T* pointer) {
    asm volatile("" : "+r"(pointer) : : "memory");
    return pointer;
}

// As `src/dice.rs`.
inline std::size_t roll(std::uint64_t& state, std::size_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return ((state >> 32) * below) >> 32;
}

inline std::uint64_t rotate(std::uint64_t sum) { return sum << 1 | sum >> 63; }

constexpr std::size_t BLOCK = 64;
// Blocks in a chunk, as in the pools beside them.
constexpr std::size_t BLOCKS = 1024;

struct PmrPool {
    std::pmr::unsynchronized_pool_resource pool{std::pmr::pool_options{BLOCKS, BLOCK}, std::pmr::new_delete_resource()};

    void* take() { return pool.allocate(BLOCK, 8); }
    void give(void* block) { pool.deallocate(block, BLOCK, 8); }
};

#ifdef WITH_BOOST
struct BoostPool {
    boost::pool<boost::default_user_allocator_malloc_free> pool{BLOCK, BLOCKS, BLOCKS};

    void* take() { return (pool.malloc)(); }
    void give(void* block) { (pool.free)(block); }
};
#endif

template <class P>
struct Fixed {
    static void* make() { return new P; }
    static void drop(void* pool) { delete static_cast<P*>(pool); }

    static inline __attribute__((always_inline)) void* take(P* pool, std::uint64_t word) {
        void* block = opaque(opaque(pool)->take());
        if (!block) std::abort();
        *static_cast<std::uint64_t*>(block) = word;
        return block;
    }

    static inline __attribute__((always_inline)) std::uint64_t give(P* pool, void* block) {
        std::uint64_t word = *static_cast<std::uint64_t*>(block);
        opaque(pool)->give(block);
        return word;
    }

    static void* take_one(void* pool, std::uint64_t word) { return take(static_cast<P*>(pool), word); }
    static std::uint64_t give_one(void* pool, void* block) { return give(static_cast<P*>(pool), block); }

    static std::uint64_t pairs(void* any, std::uint64_t pairs) {
        P* pool = static_cast<P*>(any);
        std::uint64_t sum = 0;
        for (std::uint64_t word = 0; word < pairs; word++) sum += give(pool, take(pool, word));
        return sum;
    }

    static void take_all(void* any, void** handles, std::size_t count) {
        P* pool = static_cast<P*>(any);
        for (std::size_t at = 0; at < count; at++) handles[at] = take(pool, at);
    }

    static std::uint64_t give_all(void* any, void** handles, const std::size_t* order, std::size_t count) {
        P* pool = static_cast<P*>(any);
        std::uint64_t sum = 0;
        for (std::size_t at = 0; at < count; at++) sum = rotate(sum) + give(pool, handles[order[at]]);
        return sum;
    }

    static std::uint64_t replace(void* any, void** handles, std::size_t count, std::uint64_t* dice, std::uint64_t times) {
        P* pool = static_cast<P*>(any);
        std::uint64_t sum = 0;
        std::uint64_t state = *dice;
        for (std::uint64_t word = 0; word < times; word++) {
            void*& place = handles[roll(state, count)];
            sum = rotate(sum) + give(pool, place);
            place = take(pool, word);
        }
        *dice = state;
        return sum;
    }
};

struct Layout {
    std::size_t size;
    std::size_t align;
};

// A monotonic resource over one block of memory, which a release keeps.
struct PmrBump {
    void* memory;
    std::pmr::monotonic_buffer_resource resource;

    explicit PmrBump(std::size_t bytes)
        : memory(std::malloc(bytes)), resource(memory, bytes, std::pmr::null_memory_resource()) {}
    ~PmrBump() { std::free(memory); }

    static void* make(std::size_t bytes) { return new PmrBump(bytes); }
    static void drop(void* any) { delete static_cast<PmrBump*>(any); }
    static void release(void* any) { static_cast<PmrBump*>(any)->resource.release(); }

    static void* allocate(void* any, std::size_t size, std::size_t align) {
        return static_cast<PmrBump*>(any)->resource.allocate(size, align);
    }

    static std::uint64_t words(void* any, std::uint64_t words) {
        PmrBump* bump = static_cast<PmrBump*>(any);
        std::uint64_t sum = 0;
        for (std::uint64_t word = 0; word < words; word++) {
            auto* block = static_cast<std::uint64_t*>(opaque(bump)->resource.allocate(8, 8));
            *block = word;
            sum += *opaque(block);
        }
        return sum;
    }

    static std::uint64_t layouts(void* any, const Layout* table, std::size_t blocks) {
        PmrBump* bump = static_cast<PmrBump*>(any);
        std::uint64_t sum = 0;
        for (std::size_t at = 0; at < blocks; at++) {
            const Layout& layout = table[at % 64];
            auto* block = static_cast<std::uint8_t*>(opaque(opaque(bump)->resource.allocate(layout.size, layout.align)));
            *block = static_cast<std::uint8_t>(at);
            sum += *opaque(block);
        }
        return sum;
    }
};

}  // namespace

extern "C" {

struct BenchFixed {
    void* (*make)();
    void (*drop)(void*);
    void* (*take)(void*, std::uint64_t);
    std::uint64_t (*give)(void*, void*);
    std::uint64_t (*pairs)(void*, std::uint64_t);
    void (*take_all)(void*, void**, std::size_t);
    std::uint64_t (*give_all)(void*, void**, const std::size_t*, std::size_t);
    std::uint64_t (*replace)(void*, void**, std::size_t, std::uint64_t*, std::uint64_t);
};

struct BenchBump {
    void* (*make)(std::size_t);
    void (*drop)(void*);
    void (*release)(void*);
    void* (*allocate)(void*, std::size_t, std::size_t);
    std::uint64_t (*words)(void*, std::uint64_t);
    std::uint64_t (*layouts)(void*, const Layout*, std::size_t);
};

#define FIXED(P) \
    { Fixed<P>::make, Fixed<P>::drop, Fixed<P>::take_one, Fixed<P>::give_one, Fixed<P>::pairs, Fixed<P>::take_all, \
      Fixed<P>::give_all, Fixed<P>::replace }

extern const BenchFixed bench_pmr_pool = FIXED(PmrPool);
#ifdef WITH_BOOST
extern const BenchFixed bench_boost_pool = FIXED(BoostPool);
#endif
extern const BenchBump bench_pmr_bump = {PmrBump::make,     PmrBump::drop,  PmrBump::release,
                                         PmrBump::allocate, PmrBump::words, PmrBump::layouts};
}
