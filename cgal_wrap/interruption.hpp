// Looks for a pending Ctrl-C now and then from code that runs without the GIL.
#pragma once

#include <chrono>

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

}  // namespace sdot
