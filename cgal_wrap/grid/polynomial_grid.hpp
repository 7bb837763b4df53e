// A piecewise polynomial density on a rectangular grid, as the kernels see it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "base/gauss_rules.hpp"
#include "base/geometry.hpp"

namespace sdot::grid {

// Grid lines along one axis.
struct GridAxis {
    int pixels;
    const double* lines;  // pixels + 1, increasing
    bool uniform;

    double low() const { return lines[0]; }
    double high() const { return lines[pixels]; }
    double size(int i) const { return lines[i + 1] - lines[i]; }

    // The pixel with lines[i] <= x < lines[i + 1], clamped to the grid.
    int locate(double x) const {
        if (!(x > low())) return 0;
        if (x >= high()) return pixels - 1;
        if (!uniform)
            return static_cast<int>(std::upper_bound(lines, lines + pixels + 1, x) - lines) - 1;
        int i = static_cast<int>((x - low()) / (high() - low()) * pixels);
        i = std::max(0, std::min(i, pixels - 1));
        while (i > 0 && x < lines[i]) --i;
        while (i < pixels - 1 && x >= lines[i + 1]) ++i;
        return i;
    }
};

// On pixel (ix, iy), with local coordinates s, t in [0, 1],
//   rho = sum_{p, q < terms} c[p, q] s^p t^q.
// `row_prefix` holds the coefficients in t of the integral of rho over x from the left
// end of the row to the left side of the pixel; `row_totals` those of the whole row.
struct PolynomialGrid {
    GridAxis x, y;
    int terms;                 // degree per axis + 1
    const double* values;      // x.pixels x y.pixels x terms x terms
    const double* row_prefix;  // x.pixels x y.pixels x terms
    const double* row_totals;  // y.pixels x terms

    const double* pixel(int ix, int iy) const {
        return values + (static_cast<std::size_t>(ix) * y.pixels + iy) * terms * terms;
    }
    const double* prefix(int ix, int iy) const {
        return row_prefix + (static_cast<std::size_t>(ix) * y.pixels + iy) * terms;
    }

    template <int Terms>
    double density(int ix, int iy, Point point) const {
        const int n = Terms > 0 ? Terms : terms;
        const double* c = pixel(ix, iy);
        const double s = (point.x - x.lines[ix]) / x.size(ix);
        const double t = (point.y - y.lines[iy]) / y.size(iy);
        double result = 0;
        for (int p = n - 1; p >= 0; --p) {
            double inner = 0;
            for (int q = n - 1; q >= 0; --q) inner = inner * t + c[p * n + q];
            result = result * s + inner;
        }
        return result;
    }

    // F(x, y): the integral of rho over the row from its left end to the point.
    template <int Terms>
    double row_integral(int ix, int iy, Point point) const {
        const int n = Terms > 0 ? Terms : terms;
        const double* c = pixel(ix, iy);
        const double* before = prefix(ix, iy);
        const double width = point.x - x.lines[ix];
        const double s = width / x.size(ix);
        const double t = (point.y - y.lines[iy]) / y.size(iy);
        double result = 0;
        for (int q = n - 1; q >= 0; --q) {
            double inner = 0;
            for (int p = n - 1; p >= 0; --p) inner = inner * s + c[p * n + q] / (p + 1);
            result = result * t + (before[q] + width * inner);
        }
        return result;
    }

    // The mass of the whole grid between two heights, y_from <= y_to or reversed in sign.
    double mass_between(double y_from, double y_to) const {
        if (y_from > y_to) return -mass_between(y_to, y_from);
        y_from = std::max(y.low(), std::min(y_from, y.high()));
        y_to = std::max(y.low(), std::min(y_to, y.high()));
        double mass = 0;
        for (int iy = y.locate(y_from); iy < y.pixels && y.lines[iy] < y_to; ++iy) {
            const double low = std::max(y_from, y.lines[iy]);
            const double high = std::min(y_to, y.lines[iy + 1]);
            mass += row_mass_between(iy, low, high);
        }
        return mass;
    }

private:
    // (b^(q+1) - a^(q+1)) / (q+1) = (b - a) * (sum_k a^k b^(q-k)) / (q+1): no cancellation.
    double row_mass_between(int iy, double low, double high) const {
        const double a = (low - y.lines[iy]) / y.size(iy);
        const double b = (high - y.lines[iy]) / y.size(iy);
        const double* total = row_totals + static_cast<std::size_t>(iy) * terms;
        double sum = 0, mixed = 1, power = 1;  // mixed = sum_k a^k b^(q-k), power = a^q
        for (int q = 0; q < terms; ++q) {
            sum += total[q] * mixed / (q + 1);
            power *= a;
            mixed = mixed * b + power;
        }
        return (high - low) * sum;
    }
};

// Calls run(count), a constant, for loops over so many terms to be unrolled; 0 is for any number.
template <class Run>
void with_constant_terms(int terms, const Run& run) {
    switch (terms) {
        case 1: run(std::integral_constant<int, 1>{}); break;
        case 2: run(std::integral_constant<int, 2>{}); break;
        case 3: run(std::integral_constant<int, 3>{}); break;
        case 4: run(std::integral_constant<int, 4>{}); break;
        default: run(std::integral_constant<int, 0>{});
    }
}

}  // namespace sdot::grid
