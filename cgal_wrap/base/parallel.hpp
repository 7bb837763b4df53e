// A static split of an index range over threads.
//
// Each index writes its own outputs and every sum over indices is made later in
// one fixed order, so results have the same bits whatever the number of threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <vector>

#include "base/interruption.hpp"
#include "base/runtime.hpp"

namespace sdot {

// Below this many indices a thread costs more than it brings.
constexpr std::size_t kSmallestParallelRange = 2048;
// Between two looks for Ctrl-C, in units of what is worth a thread.
constexpr std::size_t kRangesPerLook = 4;

template <class Body>  // body(begin, end)
class ParallelLoop {
public:
    ParallelLoop(const Body& body, std::size_t count, std::size_t parts, std::size_t portion)
        : body_(body), count_(count), parts_(parts), portion_(portion), failures_(parts) {}

    void run_parts() {
        runtime->run_parts(parts_, [](const void* loop, std::size_t part) {
            static_cast<const ParallelLoop*>(loop)->run(part);
        }, this);
        for (const auto& failure : failures_)
            if (failure) std::rethrow_exception(failure);
    }

    // One portion after the other, until somebody was interrupted: only the main thread can be.
    void run_range(std::size_t begin, std::size_t end) const {
        InterruptionCheck interrupted;
        while (begin < end && !stopped_.load(std::memory_order_relaxed)) {
            const std::size_t portion_end = begin + std::min(portion_, end - begin);
            body_(begin, portion_end);
            if (portion_end < end) interrupted.or_throw();
            begin = portion_end;
        }
    }

private:
    void run(std::size_t part) const noexcept {
        try {
            run_range(count_ * part / parts_, count_ * (part + 1) / parts_);
        } catch (const Interrupted&) {
            failures_[part] = std::current_exception();
            stopped_.store(true, std::memory_order_relaxed);
        } catch (...) {
            failures_[part] = std::current_exception();
        }
    }

    const Body& body_;
    std::size_t count_, parts_, portion_;
    mutable std::vector<std::exception_ptr> failures_;
    mutable std::atomic<bool> stopped_{false};
};

// Throws what the first failing part has thrown, or Interrupted.
template <class Body>
void parallel_for(std::size_t count, int threads, const Body& body,
                  std::size_t smallest = kSmallestParallelRange) {
    const std::size_t by_size = std::max<std::size_t>(1, count / smallest);
    const std::size_t parts = std::min<std::size_t>(std::max(1, threads), by_size);
    const std::size_t portion = kRangesPerLook * smallest;
    if (parts == 1 && count <= portion) body(std::size_t{0}, count);
    else if (parts == 1) ParallelLoop<Body>(body, count, 0, portion).run_range(0, count);
    else ParallelLoop<Body>(body, count, parts, portion).run_parts();
}

// `parallel_for` that stops between portions of the range; returns false if it was interrupted.
template <class Body>
bool interruptible_for(std::size_t count, std::size_t portion, int threads, int (*pending)(),
                       const Body& body, std::size_t smallest) {
    return for_portions(count, portion, pending, [&](std::size_t first, std::size_t last) {
        parallel_for(
            last - first, threads,
            [&](std::size_t begin, std::size_t end) { body(first + begin, first + end); },
            smallest);
    });
}

}  // namespace sdot
