// Looks for a pending Ctrl-C now and then from code that runs without the GIL.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "base/parallel.hpp"

namespace sdot {

// A look takes the GIL, for which other Python threads may have to be waited for: not more often
// than a person can notice.
class InterruptionCheck {
public:
    explicit InterruptionCheck(int (*pending)()) : pending_(pending), last_(Clock::now()) {}

    bool operator()() {
        const auto now = Clock::now();
        if (now - last_ < std::chrono::milliseconds(100)) return false;
        last_ = now;
        return pending_() != 0;
    }

private:
    using Clock = std::chrono::steady_clock;
    int (*pending_)();
    Clock::time_point last_;
};

// body(begin, end) for one portion of a range after the other; returns false if it was interrupted
// between two of them.
template <class Body>
bool for_portions(std::size_t count, std::size_t portion, int (*pending)(), const Body& body) {
    InterruptionCheck interrupted(pending);
    for (std::size_t begin = 0; begin < count; begin += portion) {
        if (interrupted()) return false;
        body(begin, std::min(count, begin + portion));
    }
    return true;
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
