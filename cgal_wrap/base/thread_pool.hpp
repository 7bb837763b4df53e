// The threads of a process that share the work of loops.
//
// The caller of a loop works on it too, and never waits for a helper to come: with no helpers at
// all, because no thread can be started or all are busy, it does everything itself. So loops inside
// of loops and from any number of threads at once cannot wait for each other in a circle.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#define SDOT_HAS_FORK
#endif

#include "base/runtime.hpp"

namespace sdot {

class ThreadPool {
public:
    explicit ThreadPool(std::size_t most_threads) : most_threads_(most_threads) {}

    // Runs the parts 0 ... parts - 1 once each, in any order, on at most `parts` threads.
    void run(std::size_t parts, RunPart run_part, const void* loop) {
        Job job{parts, run_part, loop};
        std::unique_lock<std::mutex> lock(mutex_);
        post(job);
        job.work(lock, *this);
        job.finished.wait(lock, [&] { return job.at_work == 0; });
    }

    // The threads that were ever started.
    std::size_t started() {
        const std::lock_guard<std::mutex> lock(mutex_);
        return helpers_;
    }

    // That of this process: a child of `fork` has none of its parent's threads, so it makes another.
    // Never destroyed, for its threads may be at work while the process ends.
    static ThreadPool& of_process() {
        ThreadPool* pool = current().load(std::memory_order_acquire);
        if (pool) return *pool;
        // More threads than processors would take memory and bring nothing.
        auto* made = new ThreadPool(std::max(1u, std::thread::hardware_concurrency()));
        if (current().compare_exchange_strong(pool, made, std::memory_order_acq_rel)) return *made;
        delete made;
        return *pool;
    }

#ifdef SDOT_HAS_FORK
    // To be called once. The parent's pool stays where it is, as it may have been locked.
    static void forget_in_children() {
        pthread_atfork(nullptr, nullptr, [] { current().store(nullptr); });
    }
#else
    static void forget_in_children() {}
#endif

private:
    // One loop, on the stack of who called for it; guarded by the pool's mutex.
    struct Job {
        std::size_t parts;
        RunPart run_part;
        const void* loop;
        std::size_t next = 0;     // the first part that nobody has taken
        std::size_t at_work = 0;  // threads that run a part
        Job* following = nullptr;
        std::condition_variable finished{};

        bool open() const { return next < parts; }

        // Takes parts until there are none.
        void work(std::unique_lock<std::mutex>& lock, ThreadPool& pool) {
            ++at_work;
            while (open()) {
                const std::size_t part = next++;
                if (part > 0) --pool.open_parts_;
                if (!open()) pool.remove(*this);
                lock.unlock();
                run_part(loop, part);
                lock.lock();
            }
            // Under the lock: the job is gone as soon as its caller sees that nobody is at work.
            if (--at_work == 0) finished.notify_one();
        }
    };

    void post(Job& job) {
        Job** last = &first_;
        while (*last) last = &(*last)->following;
        *last = &job;
        open_parts_ += job.parts - 1;  // the first is the caller's
        start_helpers();
        for (std::size_t k = std::min(job.parts - 1, idle_); k > 0; --k) work_to_do_.notify_one();
    }

    void remove(Job& job) {
        Job** link = &first_;
        while (*link != &job) link = &(*link)->following;
        *link = job.following;
    }

    void start_helpers() {
        while (idle_ < open_parts_ && helpers_ + 1 < most_threads_ && start_helper()) {}
    }

    // Where no thread can be had, fewer do the work; it is tried again later.
    bool start_helper() {
        const auto now = std::chrono::steady_clock::now();
        if (failed_ && now - last_failure_ < std::chrono::seconds(1)) return false;
        try {
            std::thread([this] { help(); }).detach();
        } catch (const std::exception&) {  // of the system (no thread) or for want of memory
            failed_ = true;
            last_failure_ = now;
            return false;
        }
        ++helpers_;
        ++idle_;
        return true;
    }

    [[noreturn]] void help() {
        std::unique_lock<std::mutex> lock(mutex_);
        while (true) {
            work_to_do_.wait(lock, [&] { return first_ != nullptr; });
            --idle_;
            first_->work(lock, *this);
            ++idle_;
        }
    }

    static std::atomic<ThreadPool*>& current() {
        static std::atomic<ThreadPool*> pool{nullptr};
        return pool;
    }

    std::mutex mutex_;
    std::condition_variable work_to_do_;
    Job* first_ = nullptr;        // the oldest job with a part that nobody has taken
    std::size_t open_parts_ = 0;  // of all jobs, without those that callers begin with
    std::size_t helpers_ = 0, idle_ = 0;
    const std::size_t most_threads_;  // with one caller, however many loops there are at once
    bool failed_ = false;
    std::chrono::steady_clock::time_point last_failure_;
};

inline void run_in_pool(std::size_t parts, RunPart run_part, const void* loop) {
    ThreadPool::of_process().run(parts, run_part, loop);
}

}  // namespace sdot
