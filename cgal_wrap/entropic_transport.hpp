// Sinkhorn's algorithm in the log domain between masses on two uniform grids, and the soft
// c-transform of what it finds at scattered sites.
//
// The kernel exp(-|y - x|^2 / eps) separates into its axes, so a sum over a grid is a sum over
// each row and then over each column. Most exponentials are saved by the same identity along an
// axis in both: for y near a reference c, and with X the input of the largest term at c,
//     |y - x|^2 = |c - x|^2 + |y - X|^2 - |c - X|^2 - 2 (y - c) (x - X),
// so all terms at y are those at c times powers of one number. They have an exponential per
// input and reference, and a multiplication per input and y.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "interruption.hpp"
#include "parallel.hpp"

namespace sdot {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();
constexpr double kNegligible = -36.0;  // the exponential of it does not show beside 1

// The points first, first + step, ... of a grid along one axis.
struct UniformAxis {
    double first, step;
    std::size_t count;

    double operator[](std::size_t i) const { return first + step * static_cast<double>(i); }

    std::size_t nearest(double x) const {
        const double index = step > 0 ? (x - first) / step + 0.5 : 0.0;
        return static_cast<std::size_t>(
            std::min(std::max(index, 0.0), static_cast<double>(count - 1)));
    }
};

struct UniformGrid {
    UniformAxis x, y;

    std::size_t size() const { return x.count * y.count; }
};

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

struct Marginal {
    UniformGrid grid;
    const double* log_masses;  // -infinity where there is none
    double* potential;         // x major
};

// Sweeps of Sinkhorn's iteration at each epsilon in turn: on_sites from on_density, then the
// other way round. Returns false if interrupted.
inline bool sinkhorn(const Marginal& sites, const Marginal& density, const double* epsilons,
                     std::size_t count, int sweeps, int threads, int (*pending)()) {
    InterruptionCheck interrupted(pending);
    std::vector<double> values(std::max(sites.grid.size(), density.grid.size()));
    const auto update = [&](const Marginal& from, const Marginal& to, GridLogSum& log_sum,
                            double epsilon) {
        for (std::size_t i = 0; i < from.grid.size(); ++i)
            values[i] = from.log_masses[i] + from.potential[i] / epsilon;
        log_sum(values.data(), threads, to.potential);
        for (std::size_t i = 0; i < to.grid.size(); ++i) to.potential[i] *= -epsilon;
    };
    for (std::size_t e = 0; e < count; ++e) {
        GridLogSum to_sites(sites.grid, density.grid, epsilons[e]);
        GridLogSum to_density(density.grid, sites.grid, epsilons[e]);
        for (int sweep = 0; sweep < sweeps; ++sweep) {
            if (interrupted()) return false;
            update(density, sites, to_sites, epsilons[e]);
            update(sites, density, to_density, epsilons[e]);
        }
    }
    return true;
}

// -eps log sum_x exp(values(x) - |y - x|^2 / eps) at any site y of a box.
//
// References are the points of a grid over the box. What counts at one of them is found column by
// column (equal x): per column and row of references a table has the inputs that count.
class SoftCTransform {
public:
    SoftCTransform(const UniformGrid& inputs, const double* values, const UniformGrid& references,
                   double epsilon, int threads)
        : inputs_(inputs),
          values_(values),
          references_(references),
          epsilon_(epsilon),
          tilt_x_(std::abs(references.x.step * inputs.x.step) / epsilon),
          tilt_y_(std::abs(references.y.step * inputs.y.step) / epsilon),
          columns_(references.y.count * inputs.x.count) {
        parallel_for(references.y.count, threads, [&](std::size_t begin, std::size_t end) {
            std::vector<double> exponents(inputs_.y.count);
            for (std::size_t c = begin; c < end; ++c)
                for (std::size_t i = 0; i < inputs_.x.count; ++i)
                    columns_[c * inputs_.x.count + i] = column(i, c, exponents);
        }, 1 + 100000 / inputs.size());
    }

    void at(const double* sites, std::size_t count, int threads, double* result) const {
        parallel_for(count, threads, [&](std::size_t begin, std::size_t end) {
            Terms terms;
            for (std::size_t s = begin; s < end; ++s)
                result[s] = at_site(sites[2 * s], sites[2 * s + 1], terms);
        }, 512);
    }

private:
    struct Column {
        double largest;  // of the exponents along y
        std::int32_t first, last;
    };

    // The terms at one reference that count at any site nearest to it.
    struct Terms {
        std::size_t reference_x = static_cast<std::size_t>(-1), reference_y = 0;
        std::size_t top_x = 0, top_y = 0;
        double largest = 0;
        std::vector<double> values;  // of one column after the other
        std::vector<std::int32_t> columns, starts;
        std::vector<std::int32_t> first;
        std::int32_t lowest_y = 0, highest_y = 0;
        std::vector<double> exponents, powers;
    };

    double cost(const UniformAxis& axis, double at, std::size_t i) const {
        const double difference = at - axis[i];
        return difference * difference / epsilon_;
    }

    Column column(std::size_t i, std::size_t c, std::vector<double>& exponents) const {
        const double* values = values_ + i * inputs_.y.count;
        const double y = references_.y[c];
        for (std::size_t j = 0; j < exponents.size(); ++j)
            exponents[j] = values[j] - cost(inputs_.y, y, j);
        const std::size_t top = index_of_largest(exponents, {0, exponents.size()});
        Column column{exponents[top], static_cast<std::int32_t>(top),
                      static_cast<std::int32_t>(top)};
        if (column.largest == kMinusInfinity) return column;
        const auto counts = [&](std::size_t j) {
            return exponents[j] - exponents[top] + tilt_y_ * static_cast<double>(distance(j, top)) >=
                   kNegligible;
        };
        for (std::size_t j = 0; j < top; ++j)
            if (counts(j)) {
                column.first = static_cast<std::int32_t>(j);
                break;
            }
        for (std::size_t j = exponents.size() - 1; j > top; --j)
            if (counts(j)) {
                column.last = static_cast<std::int32_t>(j);
                break;
            }
        return column;
    }

    void refer_to(std::size_t reference_x, std::size_t reference_y, Terms& terms) const {
        if (terms.reference_x == reference_x && terms.reference_y == reference_y) return;
        terms.reference_x = reference_x;
        terms.reference_y = reference_y;
        const double x = references_.x[reference_x], y = references_.y[reference_y];
        const Column* columns = &columns_[reference_y * inputs_.x.count];
        terms.exponents.resize(inputs_.x.count);
        for (std::size_t i = 0; i < inputs_.x.count; ++i)
            terms.exponents[i] = columns[i].largest - cost(inputs_.x, x, i);
        terms.top_x = index_of_largest(terms.exponents, {0, terms.exponents.size()});
        terms.largest = terms.exponents[terms.top_x];
        terms.top_y = top_of(columns[terms.top_x], terms.top_x, y);
        terms.values.clear();
        terms.columns.clear();
        terms.first.clear();
        terms.starts.assign(1, 0);
        terms.lowest_y = terms.highest_y = static_cast<std::int32_t>(terms.top_y);
        for (std::size_t i = 0; i < inputs_.x.count; ++i) {
            const auto [largest, first, last] = columns[i];
            const auto farthest =
                static_cast<double>(std::max(std::abs(first - static_cast<int>(terms.top_y)),
                                             std::abs(last - static_cast<int>(terms.top_y))));
            if (terms.exponents[i] - terms.largest +
                    tilt_x_ * static_cast<double>(distance(i, terms.top_x)) + tilt_y_ * farthest <
                kNegligible)
                continue;
            const double shared = -cost(inputs_.x, x, i) - terms.largest;
            for (std::int32_t j = first; j <= last; ++j)
                terms.values.push_back(std::exp(values_[i * inputs_.y.count + j] -
                                                cost(inputs_.y, y, j) + shared));
            terms.columns.push_back(static_cast<std::int32_t>(i));
            terms.first.push_back(first);
            terms.starts.push_back(static_cast<std::int32_t>(terms.values.size()));
            terms.lowest_y = std::min(terms.lowest_y, first);
            terms.highest_y = std::max(terms.highest_y, last);
        }
    }

    std::size_t top_of(const Column& column, std::size_t i, double y) const {
        for (std::int32_t j = column.first; j < column.last; ++j)
            if (values_[i * inputs_.y.count + j] - cost(inputs_.y, y, j) == column.largest)
                return j;
        return column.last;
    }

    double at_site(double x, double y, Terms& terms) const {
        refer_to(references_.x.nearest(x), references_.y.nearest(y), terms);
        const double center_x = references_.x[terms.reference_x];
        const double center_y = references_.y[terms.reference_y];
        const double rate_x = 2 * (x - center_x) * inputs_.x.step / epsilon_;
        const double rate_y = 2 * (y - center_y) * inputs_.y.step / epsilon_;
        fill_powers(rate_y, terms);
        double total = 0;
        for (std::size_t k = 0; k < terms.columns.size(); ++k) {
            const double* value = &terms.values[terms.starts[k]];
            const double* power = &terms.powers[terms.first[k] - terms.lowest_y];
            const std::int32_t length = terms.starts[k + 1] - terms.starts[k];
            double sum = 0;
            for (std::int32_t j = 0; j < length; ++j) sum += value[j] * power[j];
            total += sum * std::exp(rate_x * (static_cast<double>(terms.columns[k]) -
                                              static_cast<double>(terms.top_x)));
        }
        return -epsilon_ * (terms.largest + std::log(total) +
                            cost(inputs_.x, center_x, terms.top_x) +
                            cost(inputs_.y, center_y, terms.top_y) -
                            cost(inputs_.x, x, terms.top_x) - cost(inputs_.y, y, terms.top_y));
    }

    // exp(rate_y * (j - top_y)) for the j that occur.
    static void fill_powers(double rate, Terms& terms) {
        const auto lowest = static_cast<std::ptrdiff_t>(terms.lowest_y);
        const auto top = static_cast<std::ptrdiff_t>(terms.top_y);
        const auto highest = static_cast<std::ptrdiff_t>(terms.highest_y);
        terms.powers.resize(highest - lowest + 1);
        double* at_top = terms.powers.data() + (top - lowest);
        const double up = std::exp(rate), down = 1 / up;
        at_top[0] = 1.0;
        for (std::ptrdiff_t j = 1; j <= highest - top; ++j) at_top[j] = at_top[j - 1] * up;
        for (std::ptrdiff_t j = 1; j <= top - lowest; ++j) at_top[-j] = at_top[1 - j] * down;
    }

    UniformGrid inputs_;
    const double* values_;
    UniformGrid references_;
    double epsilon_;
    double tilt_x_, tilt_y_;  // greatest change of an exponent per input, from reference to site
    std::vector<Column> columns_;
};

}  // namespace sdot
