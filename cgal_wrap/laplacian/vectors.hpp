// Vectors of one number per node of a graph.
//
// Loops over nodes are split over threads where they are long. Nothing depends on how many threads
// there are: sums and Gauss-Seidel sweeps go by blocks of nodes of a fixed size.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/parallel.hpp"

namespace sdot::laplacian {

using Vector = std::vector<double>;

// Nodes worth a thread, in loops over their edges and in loops over numbers.
constexpr std::size_t kParallelRows = 8192;
constexpr std::size_t kParallelNumbers = 32768;
// Nodes whose products are summed, or who are swept, one after the other.
constexpr std::size_t kBlock = 16384;

inline std::size_t number_of_blocks(std::size_t size) { return (size + kBlock - 1) / kBlock; }

// body(begin, end) for every block.
template <class Body>
void for_each_block(std::size_t size, int threads, const Body& body, std::size_t smallest) {
    parallel_for(number_of_blocks(size), threads, [&](std::size_t first, std::size_t last) {
        for (std::size_t b = first; b < last; ++b)
            body(b * kBlock, std::min(size, (b + 1) * kBlock));
    }, 1 + (smallest - 1) / kBlock);
}

inline double inner(const Vector& a, const Vector& b, int threads) {
    Vector sums(number_of_blocks(a.size()));
    for_each_block(a.size(), threads, [&](std::size_t begin, std::size_t end) {
        // Four running sums: one would wait for each addition in turn.
        double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        std::size_t i = begin;
        for (; i + 4 <= end; i += 4) {
            s0 += a[i] * b[i];
            s1 += a[i + 1] * b[i + 1];
            s2 += a[i + 2] * b[i + 2];
            s3 += a[i + 3] * b[i + 3];
        }
        for (; i < end; ++i) s0 += a[i] * b[i];
        sums[begin / kBlock] = (s0 + s1) + (s2 + s3);
    }, kParallelNumbers);
    double total = 0;
    for (const double sum : sums) total += sum;
    return total;
}

inline void add_scaled(Vector& x, double factor, const Vector& y, int threads) {
    parallel_for(x.size(), threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) x[i] += factor * y[i];
    }, kParallelNumbers);
}

// x = a * x + b * y
inline void combine(Vector& x, double a, double b, const Vector& y, int threads) {
    parallel_for(x.size(), threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) x[i] = a * x[i] + b * y[i];
    }, kParallelNumbers);
}

}  // namespace sdot::laplacian
