// log sum_x exp(values(x) - |y - x|^2 / eps) with both x and y on uniform grids, axis by axis (see
// log_sum_terms.hpp).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "base/parallel.hpp"
#include "entropic/log_sum_terms.hpp"
#include "entropic/uniform_grid.hpp"

namespace sdot::entropic {

// log sum_j exp(values[j] - (output[k] - input[j])^2 / eps) for all k, for one row of values at a
// time; -infinity if all values are. The reference is the middle one of every eight outputs.
//
// Terms to the left of the largest count for less still at outputs further to the right, and the
// other way round. So the middle block of outputs tells where to look for those on its two sides.
class AxisLogSum {
public:
    AxisLogSum(const UniformAxis& outputs, const UniformAxis& inputs, double epsilon)
        : outputs_(outputs),
          inputs_(inputs),
          epsilon_(epsilon),
          tilt_(2 * outputs.step * inputs.step / epsilon),
          steepest_(std::abs(tilt_) * kMiddle),
          reach_(inputs.count - 1) {
        if (steepest_ * static_cast<double>(reach_) > kLargestExponent)
            reach_ = static_cast<std::size_t>(kLargestExponent / steepest_);
        powers_.resize((2 * reach_ + 1) * kBlock);
        for (std::size_t l = 0; l <= 2 * reach_; ++l)
            for (std::size_t m = 0; m < kBlock; ++m)
                powers_[l * kBlock + m] =
                    std::exp(tilt_ * (static_cast<double>(l) - static_cast<double>(reach_)) *
                             (static_cast<double>(m) - static_cast<double>(kMiddle)));
    }

    // Writes result[k * stride]; `exponents` is room for one number per input.
    void row(const double* values, std::size_t stride, std::vector<double>& exponents,
             double* result) const {
        blocks({0, (outputs_.count + kBlock - 1) / kBlock}, {0, inputs_.count},
               {values, stride, exponents, result});
    }

private:
    static constexpr std::size_t kBlock = 8, kMiddle = 4;
    static constexpr double kLargestExponent = 600.0;  // far from overflow

    struct Row {
        const double* values;
        std::size_t stride;
        std::vector<double>& exponents;
        double* result;
    };

    void blocks(Range range, Range terms, const Row& row) const {
        if (range.begin == range.end) return;
        const std::size_t middle = (range.begin + range.end) / 2;
        const Range outputs{middle * kBlock, std::min((middle + 1) * kBlock, outputs_.count)};
        Range counting = terms;
        if (!block(outputs, counting, row))
            for (std::size_t k = outputs.begin; k < outputs.end; ++k)
                row.result[k * row.stride] = one_output(k, terms, row);
        blocks({range.begin, middle}, {terms.begin, counting.end}, row);
        blocks({middle + 1, range.end}, {counting.begin, terms.end}, row);
    }

    double cost(std::size_t k, std::size_t j) const {
        const double difference = outputs_[k] - inputs_[j];
        return difference * difference / epsilon_;
    }

    // Fills in the exponents for output k, and returns where the largest is.
    std::size_t fill_exponents(std::size_t k, Range terms, const Row& row) const {
        const double output = outputs_[k], inverse = 1 / epsilon_;
        for (std::size_t j = terms.begin; j < terms.end; ++j) {
            const double difference = output - inputs_[j];
            row.exponents[j] = row.values[j] - difference * difference * inverse;
        }
        return index_of_largest(row.exponents, terms);
    }

    // Narrows `terms` to those that count. Returns false, leaving them as they are, where terms
    // too far from each other do, for instance on both sides of a gap.
    bool block(Range outputs, Range& terms, const Row& row) const {
        const std::size_t middle = std::min(outputs.begin + kMiddle, outputs_.count - 1);
        const std::size_t top = fill_exponents(middle, terms, row);
        const double largest = row.exponents[top];
        if (largest == kMinusInfinity) {
            for (std::size_t k = outputs.begin; k < outputs.end; ++k)
                row.result[k * row.stride] = kMinusInfinity;
            return true;
        }
        double sums[kBlock] = {};
        Range counting{top, top};
        for (std::size_t j = terms.begin; j < terms.end; ++j) {
            const double exponent = row.exponents[j] - largest;
            if (exponent + steepest_ * static_cast<double>(distance(j, top)) < kNegligible)
                continue;
            if (distance(j, top) > reach_) return false;
            counting.begin = std::min(counting.begin, j);
            counting.end = j + 1;
            const double term = std::exp(exponent);
            const double* power = &powers_[(reach_ + j - top) * kBlock];
            for (std::size_t m = 0; m < kBlock; ++m) sums[m] += term * power[m];
        }
        terms = counting;
        for (std::size_t k = outputs.begin; k < outputs.end; ++k)
            row.result[k * row.stride] = largest + cost(middle, top) - cost(k, top) +
                                         std::log(sums[kMiddle + k - middle]);
        return true;
    }

    double one_output(std::size_t k, Range terms, const Row& row) const {
        const double largest = row.exponents[fill_exponents(k, terms, row)];
        double sum = 0;
        for (std::size_t j = terms.begin; j < terms.end; ++j)
            if (row.exponents[j] - largest > kNegligible)
                sum += std::exp(row.exponents[j] - largest);
        return largest + std::log(sum);
    }

    UniformAxis outputs_, inputs_;
    double epsilon_;
    double tilt_;      // logarithm of the ratio of successive powers
    double steepest_;  // the same at the end of a block of outputs
    std::size_t reach_;  // greatest distance of indices in the table
    std::vector<double> powers_;
};

// log sum_x exp(values(x) - |y - x|^2 / eps) for all y of a grid.
class GridLogSum {
public:
    GridLogSum(const UniformGrid& outputs, const UniformGrid& inputs, double epsilon)
        : outputs_(outputs),
          inputs_(inputs),
          along_x_(outputs.x, inputs.x, epsilon),
          along_y_(outputs.y, inputs.y, epsilon),
          rows_(inputs.x.count * outputs.y.count) {}

    void operator()(const double* values, int threads, double* result) {
        parallel_for(inputs_.x.count, threads, [&](std::size_t begin, std::size_t end) {
            std::vector<double> exponents(inputs_.y.count);
            for (std::size_t i = begin; i < end; ++i)
                along_y_.row(values + i * inputs_.y.count, inputs_.x.count, exponents,
                             rows_.data() + i);
        }, rows_worth_a_thread(outputs_.y.count));
        parallel_for(outputs_.y.count, threads, [&](std::size_t begin, std::size_t end) {
            std::vector<double> exponents(inputs_.x.count);
            for (std::size_t k = begin; k < end; ++k)
                along_x_.row(rows_.data() + k * inputs_.x.count, outputs_.y.count, exponents,
                             result + k);
        }, rows_worth_a_thread(outputs_.x.count));
    }

private:
    static std::size_t rows_worth_a_thread(std::size_t outputs) { return 1 + 2000 / outputs; }

    UniformGrid outputs_, inputs_;
    AxisLogSum along_x_, along_y_;
    std::vector<double> rows_;  // sums along y, one row per output
};

}  // namespace sdot::entropic
