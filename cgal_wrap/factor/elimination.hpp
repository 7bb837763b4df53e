// Elimination of the first nodes of a dense front.
//
// When a node of a weighted graph is eliminated from its Laplacian, the Laplacian of a graph is
// left: the weight between two of its neighbours grows by the product of theirs to the node over
// the sum of all weights of the node, which is the pivot. So nothing is ever subtracted, and each
// entry of the factor has full relative accuracy however much the weights differ (Grassmann, Taksar
// and Heyman, Regenerative analysis and steady state distributions for Markov chains, Oper. Res.
// 33, 1985). A vanishing pivot is that of the last node of a connected part.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/parallel.hpp"

namespace sdot::factor {

// A matrix by columns.
struct Block {
    double* entries;
    std::size_t stride;

    double* column(std::size_t c) const { return entries + c * stride; }
    Block from(std::size_t row, std::size_t column) const {
        return {entries + column * stride + row, stride};
    }
};

// C (rows, kColumns) += A (rows, depth) B (kColumns, depth)^T.
template <std::size_t kColumns>
inline void add_product(const Block& c, const Block& a, const Block& b, std::size_t rows,
                        std::size_t depth) {
    constexpr std::size_t kRows = 8;
    std::size_t row = 0;
    for (; row + kRows <= rows; row += kRows) {
        double sums[kColumns][kRows] = {};
        for (std::size_t k = 0; k < depth; ++k) {
            const double *left = a.column(k) + row, *right = b.column(k);
            for (std::size_t q = 0; q < kColumns; ++q)
                for (std::size_t r = 0; r < kRows; ++r) sums[q][r] += left[r] * right[q];
        }
        for (std::size_t q = 0; q < kColumns; ++q)
            for (std::size_t r = 0; r < kRows; ++r) c.column(q)[row + r] += sums[q][r];
    }
    for (; row < rows; ++row) {
        double sums[kColumns] = {};
        for (std::size_t k = 0; k < depth; ++k)
            for (std::size_t q = 0; q < kColumns; ++q) sums[q] += a.column(k)[row] * b.column(k)[q];
        for (std::size_t q = 0; q < kColumns; ++q) c.column(q)[row] += sums[q];
    }
}

// The same for the lower part of C (rows, columns), from the diagonal on; the rest may change.
inline void add_lower_product(const Block& c, const Block& a, const Block& b, std::size_t rows,
                              std::size_t columns, std::size_t depth, int threads) {
    constexpr std::size_t kColumns = 4, kWorth = 65536;  // products that are worth a thread
    const std::size_t groups = (columns + kColumns - 1) / kColumns, pairs = (groups + 1) / 2;
    const auto add = [&](std::size_t group) {
        const std::size_t q = group * kColumns;
        if (q + kColumns <= columns)
            add_product<kColumns>(c.from(q, q), a.from(q, 0), b.from(q, 0), rows - q, depth);
        else
            for (std::size_t k = q; k < columns; ++k)
                add_product<1>(c.from(k, k), a.from(k, 0), b.from(k, 0), rows - k, depth);
    };
    // A long column goes with a short one, for equal work.
    parallel_for(pairs, threads, [&](std::size_t first, std::size_t last) {
        for (std::size_t p = first; p < last; ++p) {
            add(p);
            if (groups - 1 - p != p) add(groups - 1 - p);
        }
    }, 1 + kWorth / (1 + depth * kColumns * rows));
}

// Of a front's columns all entries below the diagonal are weights; they become those of the unit
// factor, but for the sign. The rest of the front is added to `update`, below its diagonal.
class Elimination {
public:
    explicit Elimination(int threads) : threads_(threads) {}

    void operator()(const Block& columns, std::size_t own, std::size_t rows, double* pivots,
                    const Block& update) {
        const std::size_t rest = rows - own;
        weights_.resize(rows * std::min(own, kPanel));
        const Block weights{weights_.data(), rows};
        for (std::size_t first = 0; first < own; first += kPanel) {
            const std::size_t depth = std::min(kPanel, own - first), last = first + depth;
            for (std::size_t j = 0; j < depth; ++j)
                pivots[first + j] = eliminate(columns.from(0, first), j, depth, first, rows, weights);
            add_lower_product(columns.from(last, last), columns.from(last, first),
                              weights.from(last, 0), rows - last, own - last, depth, threads_);
            add_lower_product(update, columns.from(own, first), weights.from(own, 0), rest, rest,
                              depth, threads_);
        }
    }

private:
    // Columns that are eliminated before what is right of them changes.
    static constexpr std::size_t kPanel = 32;

    // Column j of a panel, with its diagonal in row first + j; returns the pivot.
    static double eliminate(const Block& panel, std::size_t j, std::size_t depth, std::size_t first,
                            std::size_t rows, const Block& weights) {
        const std::size_t begin = first + j + 1;
        double *column = panel.column(j), *weight = weights.column(j);
        const double pivot = sum(column + begin, rows - begin);
        // That of a node without neighbours; the inverse of a denormal one is no number.
        const double inverse = pivot >= kSmallest ? 1 / pivot : 0.0;
        for (std::size_t r = begin; r < rows; ++r) {
            weight[r] = column[r];
            column[r] *= inverse;
        }
        for (std::size_t k = j + 1; k < depth; ++k) {
            double* later = panel.column(k);
            const double factor = weight[first + k];
            for (std::size_t r = first + k + 1; r < rows; ++r) later[r] += column[r] * factor;
        }
        return inverse > 0 ? pivot : 0.0;
    }

    static double sum(const double* values, std::size_t count) {
        double sums[4] = {};
        std::size_t k = 0;
        for (; k + 4 <= count; k += 4)
            for (std::size_t s = 0; s < 4; ++s) sums[s] += values[k + s];
        for (; k < count; ++k) sums[0] += values[k];
        return (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }

    static constexpr double kSmallest = 1e-300;

    int threads_;
    std::vector<double> weights_;
};

}  // namespace sdot::factor
