// Every form of new and delete, and what happens without memory. C++17.
#include "check.h"
#include <malloc.h>
#include <new>
#include <string>
#include <thread>
#include <vector>

static int handled = 0;
static volatile std::size_t too_much = PTRDIFF_MAX;

static void give_up() {
    if (++handled % 3 == 0) std::set_new_handler(nullptr);
}

struct Unwound {
    int &count;
    ~Unwound() { count++; }
};

template <class Attempt> static void throws(Attempt attempt) {
    for (bool handler : {false, true}) {
        handled = 0;
        int unwound = 0;
        bool caught = false;
        std::set_new_handler(handler ? give_up : nullptr);
        try {
            Unwound here{unwound};
            attempt();
        } catch (const std::bad_alloc &) {
            caught = true;
        }
        CHECK(caught && unwound == 1);
        CHECK(handled == (handler ? 3 : 0));
    }
}

template <class Attempt> static void is_null(Attempt attempt) {
    for (bool handler : {false, true}) {
        handled = 0;
        std::set_new_handler(handler ? give_up : nullptr);
        CHECK(attempt() == nullptr);
        CHECK(handled == (handler ? 3 : 0));
    }
}

int main() {
    using std::align_val_t;
    const align_val_t align{4096};
    for (std::size_t size : {0, 1, 100, 5000, 70000, 20000000}) {
        errno = 77;
        ::operator delete(::operator new(size));
        ::operator delete(::operator new(size), size);
        ::operator delete[](::operator new[](size));
        ::operator delete[](::operator new[](size), size);
        ::operator delete(::operator new(size, std::nothrow), std::nothrow);
        ::operator delete[](::operator new[](size, std::nothrow), std::nothrow);
        for (int i = 0; i < 2; i++) {
            void *blocks[] = {::operator new(size, align), ::operator new[](size, align),
                              ::operator new(size, align, std::nothrow), ::operator new[](size, align, std::nothrow)};
            for (void *block : blocks) CHECK(block && reinterpret_cast<uintptr_t>(block) % 4096 == 0);
            if (i == 0) {
                ::operator delete(blocks[0], align);
                ::operator delete[](blocks[1], align);
            } else {
                ::operator delete(blocks[0], size, align);
                ::operator delete[](blocks[1], size, align);
            }
            ::operator delete(blocks[2], align, std::nothrow);
            ::operator delete[](blocks[3], align, std::nothrow);
        }
        CHECK(errno == 77);
    }
    ::operator delete(nullptr);
    // The blocks are the malloc's.
    void *block = ::operator new(100);
    CHECK(malloc_usable_size(block) == 112);
    std::free(block);

    throws([] { return ::operator new(too_much); });
    throws([] { return ::operator new[](too_much); });
    throws([&] { return ::operator new(too_much, align); });
    throws([&] { return ::operator new[](too_much, align); });
    is_null([] { return ::operator new(too_much, std::nothrow); });
    is_null([] { return ::operator new[](too_much, std::nothrow); });
    is_null([&] { return ::operator new(too_much, align, std::nothrow); });
    is_null([&] { return ::operator new[](too_much, align, std::nothrow); });

    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++)
        threads.emplace_back([] {
            std::vector<std::string> texts;
            for (int i = 0; i < 20000; i++) texts.push_back(std::string(static_cast<std::size_t>(i % 300), 'x'));
            try {
                texts.reserve(texts.max_size());
                CHECK(false);
            } catch (const std::bad_alloc &) {
            }
        });
    for (auto &thread : threads) thread.join();
    puts("done");
}
