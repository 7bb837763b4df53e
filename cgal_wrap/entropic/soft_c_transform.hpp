// The soft c-transform of values on a uniform grid, at scattered sites (see log_sum_terms.hpp).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/parallel.hpp"
#include "entropic/log_sum_terms.hpp"
#include "entropic/uniform_grid.hpp"

namespace sdot::entropic {

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
        const Column* columns = &columns_[reference_y * inputs_.x.count];
        find_largest(columns, terms);
        collect(columns, terms);
    }

    void find_largest(const Column* columns, Terms& terms) const {
        const double x = references_.x[terms.reference_x], y = references_.y[terms.reference_y];
        terms.exponents.resize(inputs_.x.count);
        for (std::size_t i = 0; i < inputs_.x.count; ++i)
            terms.exponents[i] = columns[i].largest - cost(inputs_.x, x, i);
        terms.top_x = index_of_largest(terms.exponents, {0, terms.exponents.size()});
        terms.largest = terms.exponents[terms.top_x];
        terms.top_y = top_of(columns[terms.top_x], terms.top_x, y);
    }

    void collect(const Column* columns, Terms& terms) const {
        const double x = references_.x[terms.reference_x], y = references_.y[terms.reference_y];
        terms.values.clear();
        terms.columns.clear();
        terms.first.clear();
        terms.starts.assign(1, 0);
        terms.lowest_y = terms.highest_y = static_cast<std::int32_t>(terms.top_y);
        for (std::size_t i = 0; i < inputs_.x.count; ++i) {
            if (is_negligible(columns[i], i, terms)) continue;
            const std::int32_t first = columns[i].first, last = columns[i].last;
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

    bool is_negligible(const Column& column, std::size_t i, const Terms& terms) const {
        const int top_y = static_cast<int>(terms.top_y);
        const auto farthest = static_cast<double>(
            std::max(std::abs(column.first - top_y), std::abs(column.last - top_y)));
        return terms.exponents[i] - terms.largest +
                   tilt_x_ * static_cast<double>(distance(i, terms.top_x)) + tilt_y_ * farthest <
               kNegligible;
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

}  // namespace sdot::entropic
