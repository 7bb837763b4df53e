// Log-domain products with a Gaussian kernel, the inner loop of Sinkhorn's algorithm.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "parallel.hpp"

namespace sdot {

// Terms smaller than exp(-36) of the largest do not show in a double.
constexpr double kNegligibleExponent = -36.0;

constexpr std::size_t kTermsWorthAThread = 400000;

// out[i, k] = log sum_j exp(values[i, j] - costs[k, j]), -infinity where there is no term.
inline void log_sum_product(const double* values, const double* costs, std::size_t rows,
                            std::size_t terms, std::size_t columns, int threads, double* out) {
    parallel_for(rows, threads, [&](std::size_t begin, std::size_t end) {
        std::vector<double> exponents(terms);
        for (std::size_t i = begin; i < end; ++i) {
            const double* value = values + i * terms;
            for (std::size_t k = 0; k < columns; ++k) {
                const double* cost = costs + k * terms;
                double top = -std::numeric_limits<double>::infinity();
                for (std::size_t j = 0; j < terms; ++j) {
                    exponents[j] = value[j] - cost[j];
                    top = exponents[j] > top ? exponents[j] : top;
                }
                double sum = 0;
                if (std::isfinite(top))
                    for (std::size_t j = 0; j < terms; ++j)
                        if (exponents[j] - top > kNegligibleExponent)
                            sum += std::exp(exponents[j] - top);
                out[i * columns + k] = std::isfinite(top) ? top + std::log(sum) : top;
            }
        }
    }, 1 + kTermsWorthAThread / (terms * columns));
}

}  // namespace sdot
