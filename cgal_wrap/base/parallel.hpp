// A static split of an index range over threads.
//
// Each index writes its own outputs and every sum over indices is made later in
// one fixed order, so results have the same bits whatever the number of threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <vector>

#include "base/runtime.hpp"

namespace sdot {

// Below this many indices a thread costs more than it brings.
constexpr std::size_t kSmallestParallelRange = 2048;

template <class Body>  // body(begin, end)
struct ParallelLoop {
    const Body& body;
    std::size_t count, parts;
    mutable std::vector<std::exception_ptr> failures;

    void run(std::size_t part) const noexcept {
        try {
            body(count * part / parts, count * (part + 1) / parts);
        } catch (...) {
            failures[part] = std::current_exception();
        }
    }
};

template <class Body>
void parallel_for(std::size_t count, int threads, const Body& body,
                  std::size_t smallest = kSmallestParallelRange) {
    const std::size_t by_size = std::max<std::size_t>(1, count / smallest);
    const std::size_t parts = std::min<std::size_t>(std::max(1, threads), by_size);
    if (parts == 1) {
        body(std::size_t{0}, count);
        return;
    }
    using Loop = ParallelLoop<Body>;
    const Loop loop{body, count, parts, std::vector<std::exception_ptr>(parts)};
    runtime->run_parts(
        parts, [](const void* l, std::size_t part) { static_cast<const Loop*>(l)->run(part); },
        &loop);
    for (const auto& failure : loop.failures)
        if (failure) std::rethrow_exception(failure);
}

}  // namespace sdot
