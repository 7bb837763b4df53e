// Loops over what is compared with convex pieces: polygons, edges or points.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/interruption.hpp"
#include "base/parallel.hpp"

namespace sdot::pieces {

// So many neighbouring polygons, edges or points are searched for at once. The same whatever the
// number of threads.
constexpr std::size_t kBatch = 512;
// Between two looks for an interruption.
constexpr std::size_t kPortion = 32 * kBatch;

// Calls run_batch(worker, begin, end) for the batches of a range, each thread with a worker of its
// own from make_worker().
template <class MakeWorker, class RunBatch>
void run_batches(std::size_t first, std::size_t last, int threads, const MakeWorker& make_worker,
                 const RunBatch& run_batch) {
    const std::size_t batches = (last - first + kBatch - 1) / kBatch;
    parallel_for(batches, threads, [&](std::size_t begin, std::size_t end) {
        auto worker = make_worker();
        for (std::size_t batch = first + begin * kBatch; batch < first + end * kBatch;
             batch += kBatch)
            run_batch(worker, batch, std::min(last, batch + kBatch));
    }, 1);
}

// The same for 0 ... count - 1; returns false if interrupted, as the integrals do.
template <class MakeWorker, class RunBatch>
bool for_batches(std::size_t count, int threads, int (*pending)(), const MakeWorker& make_worker,
                 const RunBatch& run_batch) {
    return for_portions(count, kPortion, pending, [&](std::size_t first, std::size_t last) {
        run_batches(first, last, threads, make_worker, run_batch);
    });
}

}  // namespace sdot::pieces
