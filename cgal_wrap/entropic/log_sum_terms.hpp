// The terms of log sum_x exp(values(x) - |y - x|^2 / eps), with x on a uniform grid.
//
// The kernel exp(-|y - x|^2 / eps) separates into its axes, so a sum over a grid is a sum over
// each row and then over each column. Whether the y are on a grid (grid_log_sum.hpp) or scattered
// (soft_c_transform.hpp), most exponentials are saved by the same identity along an axis: for y
// near a reference c, and with X the input of the largest term at c,
//     |y - x|^2 = |c - x|^2 + |y - X|^2 - |c - X|^2 - 2 (y - c) (x - X),
// so all terms at y are those at c times powers of one number. They have an exponential per
// input and reference, and a multiplication per input and y.
#pragma once

#include <cstddef>
#include <limits>
#include <vector>

namespace sdot::entropic {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();
constexpr double kNegligible = -36.0;  // the exponential of it does not show beside 1

inline std::size_t distance(std::size_t i, std::size_t j) { return i > j ? i - j : j - i; }

// Indices begin <= i < end.
struct Range {
    std::size_t begin, end;
};

inline std::size_t index_of_largest(const std::vector<double>& values, Range range) {
    std::size_t largest = range.begin;
    for (std::size_t j = range.begin + 1; j < range.end; ++j)
        if (values[j] > values[largest]) largest = j;
    return largest;
}

}  // namespace sdot::entropic
