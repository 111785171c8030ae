// The C++ side: owners, scopes, and memory resources in both directions.
#include "test.h"

#include <map>
#include <string>
#include <vector>

static void a_part_is_a_memory_resource() {
    bw::owner heap{bw_heap(bw_system(), 0)};
    bw::memory_resource resource{heap};
    {
        std::pmr::vector<std::pmr::string> words{&resource};
        std::pmr::map<int, std::pmr::string> numbers{&resource};
        for (int i = 0; i < 1000; i++) {
            words.emplace_back("a word that is too long to be stored in the string itself");
            numbers.emplace(i, words.back());
        }
        CHECK(numbers.at(999) == words.front());
        bw_statistics counts;
        CHECK(bw_statistics_read(heap.get(), &counts) == 0 && counts.blocks_live > 3000);
    }
    bw_statistics counts;
    CHECK(bw_statistics_read(heap.get(), &counts) == 0 && counts.blocks_live == 0);

    bw::memory_resource same{bw::interface_of(heap)};
    bw::memory_resource other{bw_system()};
    CHECK(resource == same && resource != other && resource != *std::pmr::new_delete_resource());
}

static void no_memory_is_an_exception() {
    bw::owner bump{bw_bump(bw_system(), 100)};
    bw::memory_resource resource{bump};
    bool thrown = false;
    try {
        std::pmr::vector<char> bytes(101, 'x', &resource);
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    CHECK(thrown);
}

static void a_memory_resource_is_a_parent() {
    std::pmr::unsynchronized_pool_resource pool;
    bw_allocator parent = bw::from_resource(&pool);
    bw::owner slab{bw_slab(&parent, 64, 4096)};
    CHECK(bw_allocate(bw::interface_of(slab), 64, 8) != nullptr);

    bw_allocator none = bw::from_resource(std::pmr::null_memory_resource());
    bw::owner over{bw_counted(&none)};
    REFUSED(bw_allocate(bw::interface_of(over), 1, 1), nullptr, ENOMEM);
}

static void a_scope_is_left_by_an_exception() {
    bw::owner memo{bw_memo(bw_system(), 0)};
    try {
        bw::scope entered{memo};
        CHECK(bw_current() == bw::interface_of(memo));
        throw 1;
    } catch (int) {
        CHECK(bw_current() == bw_system());
    }
}

int main() {
    a_part_is_a_memory_resource();
    no_memory_is_an_exception();
    a_memory_resource_is_a_parent();
    a_scope_is_left_by_an_exception();
    return 0;
}
