// The operators of C++, in all their forms, below containers, exceptions and threads.
#include <cstdint>
#include <cstdio>
#include <future>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

struct alignas(256) Wide {
    char bytes[256];
};

static std::size_t words(int seed) {
    std::unordered_map<std::string, std::vector<int>> index;
    for (int i = 0; i < 20000; i++) index["word" + std::to_string(i * seed % 4001)].push_back(i);
    std::map<std::size_t, std::string> ordered;
    for (auto &[word, places] : index) ordered[places.size() * 10000 + places[0]] += word;
    std::size_t sum = ordered.size();
    for (auto &[key, text] : ordered) sum += key ^ text.size();
    return sum;
}

static int thrown(int depth) {
    auto held = std::make_unique<std::string>(depth * 10, 'x');
    if (depth == 0) throw std::runtime_error(*held + "bottom");
    return thrown(depth - 1) + static_cast<int>(held->size());
}

int main() {
    std::vector<std::future<std::size_t>> futures;
    for (int i = 1; i <= 8; i++) futures.push_back(std::async(std::launch::async, words, i * 7));
    for (auto &future : futures) std::printf("%zu\n", future.get());
    int caught = 0;
    for (int i = 0; i < 1000; i++) {
        try {
            thrown(i % 50);
        } catch (const std::exception &error) {
            caught += error.what()[0] == 'b';
        }
    }
    std::printf("%d\n", caught);
    bool aligned = true;
    std::vector<std::unique_ptr<Wide>> wide;
    for (int i = 0; i < 1000; i++) {
        wide.push_back(std::make_unique<Wide>());
        aligned = aligned && reinterpret_cast<std::uintptr_t>(wide.back().get()) % 256 == 0;
    }
    auto *row = new Wide[3];
    aligned = aligned && reinterpret_cast<std::uintptr_t>(row) % 256 == 0;
    delete[] row;
    std::printf("%d\n", aligned);
    volatile std::size_t huge = SIZE_MAX / 2;
    std::printf("%d\n", ::operator new(huge, std::nothrow) == nullptr);
    try {
        ::operator delete(::operator new(huge));
        std::puts("served");
    } catch (const std::bad_alloc &) {
        std::puts("refused");
    }
    // Allocated by one thread, freed by another, after the first has ended.
    std::vector<std::shared_ptr<std::string>> left(10000);
    std::thread([&] {
        for (std::size_t i = 0; i < left.size(); i++) left[i] = std::make_shared<std::string>(i % 300, 'y');
    }).join();
    std::size_t length = 0;
    std::thread([&] {
        for (auto &text : left) {
            length += text->size();
            text.reset();
        }
    }).join();
    std::printf("%zu\n", length);
}
