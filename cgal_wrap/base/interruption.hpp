// Looks for a pending Ctrl-C now and then from code that runs without the GIL.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>

#include "base/runtime.hpp"

namespace sdot {

// A signal's handler has raised a Python exception, which is what the caller gets to see.
struct Interrupted : std::exception {};

// A look takes the GIL, for which other Python threads may have to be waited for: not more often
// than a person can notice.
class InterruptionCheck {
public:
    explicit InterruptionCheck(int (*pending)() = runtime->pending_signal)
        : pending_(pending), last_(Clock::now()) {}

    bool operator()() {
        const auto now = Clock::now();
        if (now - last_ < std::chrono::milliseconds(100)) return false;
        last_ = now;
        return pending_() != 0;
    }

    void or_throw() {
        if ((*this)()) throw Interrupted();
    }

private:
    using Clock = std::chrono::steady_clock;
    int (*pending_)();
    Clock::time_point last_;
};

// The same for loops whose steps are shorter than a look at the clock.
class StepwiseCheck {
public:
    void step() {
        if (++steps_ % kStepsPerLook == 0) check_.or_throw();
    }

private:
    static constexpr std::size_t kStepsPerLook = 1 << 15;
    InterruptionCheck check_;
    std::size_t steps_ = 0;
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

}  // namespace sdot
