// A static split of an index range over threads.
//
// Each index writes its own outputs and every sum over indices is made later in
// one fixed order, so results have the same bits whatever the number of threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

namespace sdot {

// Below this many indices a thread costs more than it brings.
constexpr std::size_t kSmallestParallelRange = 2048;

template <class Body>  // body(begin, end)
void parallel_for(std::size_t count, int threads, const Body& body,
                  std::size_t smallest = kSmallestParallelRange) {
    const std::size_t by_size = std::max<std::size_t>(1, count / smallest);
    const std::size_t parts = std::min<std::size_t>(std::max(1, threads), by_size);
    if (parts == 1) {
        body(std::size_t{0}, count);
        return;
    }
    std::vector<std::exception_ptr> failures(parts);
    std::vector<std::thread> workers;
    const auto run = [&](std::size_t part) {
        try {
            body(count * part / parts, count * (part + 1) / parts);
        } catch (...) {
            failures[part] = std::current_exception();
        }
    };
    for (std::size_t part = 1; part < parts; ++part) workers.emplace_back(run, part);
    run(0);
    for (auto& worker : workers) worker.join();
    for (const auto& failure : failures)
        if (failure) std::rethrow_exception(failure);
}

}  // namespace sdot
