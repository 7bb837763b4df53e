// Loops from several threads at once, inside of each other, on a pool that they share: to be run
// under ThreadSanitizer too. Returns 0 if all results are right, from a bounded number of threads.
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/parallel.hpp"
#include "base/thread_pool.hpp"

namespace {

constexpr std::size_t kMostThreads = 5;

sdot::ThreadPool& pool() {
    static auto* pool = new sdot::ThreadPool(kMostThreads);  // its threads outlive main
    return *pool;
}

constexpr sdot::Runtime kPooled{
    [](std::size_t parts, sdot::RunPart run_part, const void* loop) {
        pool().run(parts, run_part, loop);
    },
    [] { return 0; }};

long sum_of_squares(std::size_t count, int threads, bool nested) {
    std::vector<long> squares(count);
    sdot::parallel_for(
        count, threads,
        [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i)
                squares[i] = nested ? sum_of_squares(i % 7, 3, false) : static_cast<long>(i * i);
        },
        1);
    long sum = 0;
    for (const long square : squares) sum += square;
    return sum;
}

bool throws_what_the_first_part_throws(int threads) {
    try {
        sdot::parallel_for(
            100, threads,
            [](std::size_t begin, std::size_t) { throw std::runtime_error(begin ? "later" : "first"); },
            1);
    } catch (const std::runtime_error& error) {
        return error.what()[0] == 'f';
    }
    return false;
}

void hammer(int rounds, int seed, int& wrong) {
    const long nested = sum_of_squares(50, 1, true);
    for (int round = 0; round < rounds; ++round) {
        const int threads = 1 + (round + seed) % 9;
        if (sum_of_squares(100, threads, false) != 328350) ++wrong;
        if (sum_of_squares(50, threads, true) != nested) ++wrong;
        if (!throws_what_the_first_part_throws(threads)) ++wrong;
    }
}

}  // namespace

int main() {
    sdot::runtime = &kPooled;
    constexpr int kCallers = 6;
    std::vector<int> wrong(kCallers);
    std::vector<std::thread> callers;
    for (int c = 0; c < kCallers; ++c) callers.emplace_back(hammer, 200, c, std::ref(wrong[c]));
    for (auto& caller : callers) caller.join();
    for (const int count : wrong)
        if (count) return 1;
    const std::size_t helpers = pool().started();
    return 0 < helpers && helpers < kMostThreads ? 0 : 2;
}
