// blockwork.hpp: what blockwork.h has, as owners, scopes and memory resources
// of C++17. Header only.
//
//     bw::owner heap{bw_heap(bw_system(), 0)};
//     bw::memory_resource resource{heap};
//     std::pmr::vector<int> numbers{&resource};
#ifndef BLOCKWORK_HPP
#define BLOCKWORK_HPP

#include <memory>
#include <memory_resource>
#include <new>

#include "blockwork.h"

namespace bw {

// Destroys the part that an owner has.
struct destroyer {
    void operator()(bw_part *part) const noexcept { bw_destroy(part); }
};

// A part that is destroyed with its owner; null if it could not be made.
using owner = std::unique_ptr<bw_part, destroyer>;

// How to allocate from a part that has an owner.
inline const bw_allocator *interface_of(const owner &part) noexcept { return bw_interface(part.get()); }

// An allocator as a std::pmr::memory_resource. The allocator has to outlive it,
// and is known by its address: two resources are equal if theirs are the same.
class memory_resource : public std::pmr::memory_resource {
  public:
    explicit memory_resource(const bw_allocator *allocator) noexcept : allocator_{allocator} {}
    explicit memory_resource(const owner &part) noexcept : allocator_{interface_of(part)} {}

    const bw_allocator *allocator() const noexcept { return allocator_; }

  protected:
    void *do_allocate(std::size_t size, std::size_t align) override {
        if (void *block = bw_allocate(allocator_, size, align)) {
            return block;
        }
        throw std::bad_alloc{};
    }

    void do_deallocate(void *block, std::size_t size, std::size_t align) override {
        bw_deallocate(allocator_, block, size, align);
    }

    bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override {
        const auto *ours = dynamic_cast<const memory_resource *>(&other);
        return ours != nullptr && ours->allocator_ == allocator_;
    }

  private:
    const bw_allocator *allocator_;
};

// A std::pmr::memory_resource as an allocator, to be a parent; it has to outlive
// what stands on it. What it throws is no memory.
inline bw_allocator from_resource(std::pmr::memory_resource *resource) noexcept {
    bw_allocator allocator{};
    allocator.context = resource;
    allocator.allocate = [](void *context, std::size_t size, std::size_t align) -> void * {
        try {
            return static_cast<std::pmr::memory_resource *>(context)->allocate(size, align);
        } catch (...) {
            return nullptr;
        }
    };
    allocator.deallocate = [](void *context, void *block, std::size_t size, std::size_t align) {
        static_cast<std::pmr::memory_resource *>(context)->deallocate(block, size, align);
    };
    return allocator;
}

// Makes an allocator the current one of this thread until it goes. Scopes nest.
class scope {
  public:
    explicit scope(const bw_allocator *allocator) noexcept : outer_{bw_push(allocator)} {}
    explicit scope(const owner &part) noexcept : scope{interface_of(part)} {}
    ~scope() {
        if (outer_ != nullptr) {
            bw_pop(outer_);
        }
    }
    scope(const scope &) = delete;
    scope &operator=(const scope &) = delete;

  private:
    const bw_allocator *outer_;
};

} // namespace bw

#endif
