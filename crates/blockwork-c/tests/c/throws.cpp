// A callback that throws, which the test expects to end the program.
#include "test.h"

static void *throwing(void *, std::size_t, std::size_t) { throw 1; }
static void nothing(void *, void *, std::size_t, std::size_t) {}

int main() {
    bw_allocator parent{};
    parent.allocate = throwing;
    parent.deallocate = nothing;
    bw::owner bump{bw_bump(&parent, 64)};
    try {
        bw_allocate(bw::interface_of(bump), 8, 8);
    } catch (...) {
        return 0;
    }
    return 0;
}
