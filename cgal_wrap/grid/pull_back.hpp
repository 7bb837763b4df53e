// Integrals of a potential, quadratic on every cell, against each monomial of each pixel:
// the derivative of its integral against a polynomial grid with respect to the coefficients.
//
// Rows of pixels are independent of each other. A cell is cut to each row that it meets, and then
// along the row, as for the moments; everything is integrated in the pixel's own coordinates with
// positive weights. What cells give to one pixel is added up with a compensation, so that a pixel
// of a million cells loses nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/convex_polygons.hpp"
#include "base/geometry.hpp"
#include "base/moments.hpp"
#include "base/parallel.hpp"
#include "diagram/cell_potential.hpp"
#include "grid/pixel_pieces.hpp"
#include "grid/polynomial_grid.hpp"

namespace sdot::grid {

using diagram::CellPotential;

// A sum and what it lost (Knuth's two-sum).
struct CompensatedSum {
    double high = 0, low = 0;

    void add(double term) {
        const double sum = high + term, part = sum - high;
        low += (high - (sum - part)) + (term - part);
        high = sum;
    }
    double value() const { return high + low; }
};

// The integrals over one row of pixels, a visitor of `PixelPieces`.
template <int Terms>
class PotentialSums {
public:
    PotentialSums(const PolynomialGrid& grid, const GaussRule& rule, const CellPotential& potentials)
        : grid_(grid), rule_(rule), potentials_(potentials),
          n_(Terms > 0 ? Terms : grid.terms), along_x_(n_), along_y_(n_),
          piece_(static_cast<std::size_t>(n_) * n_),
          sums_(static_cast<std::size_t>(grid.x.pixels) * n_ * n_) {}

    void start_cell(std::size_t i) {
        cell_ = i;
        site_ = potentials_.site(i);
    }

    // The potential is a sum of functions of one coordinate, so on a box the integrals factor.
    void whole_pixel(int ix, int iy) {
        const Point gap{grid_.x.lines[ix] - site_.x, grid_.y.lines[iy] - site_.y};
        const Point size{grid_.x.size(ix), grid_.y.size(iy)};
        if (Terms == 1) {
            const Point spread = (1.0 / 12) * Point{size.x * size.x, size.y * size.y};
            pixel(ix)->add(size.x * size.y * (value(gap + 0.5 * size) +
                                              dot(potentials_.metric, spread)));
            return;
        }
        const Point metric = potentials_.metric, slope = potentials_.slope(cell_);
        integrate_quadratic(gap.x, size.x, metric.x, slope.x, along_x_.data());
        integrate_quadratic(gap.y, size.y, metric.y, slope.y, along_y_.data());
        const double constant = potentials_.constants[cell_];
        const double area = size.x * size.y;
        CompensatedSum* sums = pixel(ix);
        for (int p = 0; p < n_; ++p)
            for (int q = 0; q < n_; ++q)
                sums[p * n_ + q].add(area * (along_x_[p] / (q + 1) + along_y_[q] / (p + 1) -
                                             constant / ((p + 1) * (q + 1))));
    }

    void piece(int ix, int iy, const Polygon& polygon) {
        if (Terms == 1) {
            const Moments moments = polygon_raw_moments(polygon.data(), polygon.size()).central();
            pixel(ix)->add(moments.mass * value(moments.mean - site_) +
                           potentials_.metric.x * moments.xx + potentials_.metric.y * moments.yy);
            return;
        }
        // In the pixel's coordinates, but from the polygon's first corner, at `start`: those of a
        // polygon much smaller than the pixel keep their digits.
        const Point size{grid_.x.size(ix), grid_.y.size(iy)}, first = polygon[0];
        const Point start{(first.x - grid_.x.lines[ix]) / size.x,
                          (first.y - grid_.y.lines[iy]) / size.y};
        const Point gap = first - site_;
        local_.clear();
        for (const Point& p : polygon)
            local_.push_back({(p.x - first.x) / size.x, (p.y - first.y) / size.y});
        add_nodes(ix, size.x * size.y, start, gap, size,
                  [&](const auto& visit) { polygon_nodes(local_, rule_, visit); });
    }

    // What run(visit) calls visit(point, weight) for: nodes on a part of the cell, seen from an
    // origin near it.
    template <class Run>
    void nodes(int ix, int iy, Point origin, const Run& run) {
        const Point size{grid_.x.size(ix), grid_.y.size(iy)};
        const Point start{(origin.x - grid_.x.lines[ix]) / size.x,
                          (origin.y - grid_.y.lines[iy]) / size.y};
        add_nodes(ix, 1.0, start, origin - site_, size, [&](const auto& visit) {
            run([&](Point r, double weight) {
                visit(Point{r.x / size.x, r.y / size.y}, weight);
            });
        });
    }

    // Writes the row into the result (x.pixels, y.pixels, terms, terms), and starts anew.
    void take_row(int iy, double* result) {
        const std::size_t block = static_cast<std::size_t>(n_) * n_;
        for (int ix = 0; ix < grid_.x.pixels; ++ix) {
            double* out = result + (static_cast<std::size_t>(ix) * grid_.y.pixels + iy) * block;
            for (std::size_t k = 0; k < block; ++k) {
                out[k] = pixel(ix)[k].value();
                pixel(ix)[k] = {};
            }
        }
    }

private:
    CompensatedSum* pixel(int ix) { return sums_.data() + static_cast<std::size_t>(ix) * n_ * n_; }

    // Nodes in the pixel's coordinates, seen from `start`, which is `gap` from the site.
    template <class Run>
    void add_nodes(int ix, double area, Point start, Point gap, Point size, const Run& run) {
        const int n = Terms > 0 ? Terms : n_;
        std::fill(piece_.begin(), piece_.end(), 0.0);
        run([&](Point r, double weight) {
            const Point s = start + r;
            double along_x = weight * value(gap + Point{size.x * r.x, size.y * r.y});
            for (int p = 0; p < n; ++p, along_x *= s.x) {
                double term = along_x;
                for (int q = 0; q < n; ++q, term *= s.y) piece_[p * n + q] += term;
            }
        });
        for (int k = 0; k < n * n; ++k) pixel(ix)[k].add(area * piece_[k]);
    }

    double value(Point from_site) const { return potentials_.at_gap(cell_, from_site); }

    // The integrals over s in [0, 1] of (metric g^2 + slope g) s^p, g = gap + size s.
    void integrate_quadratic(double gap, double size, double metric, double slope,
                             double* result) const {
        for (int p = 0; p < n_; ++p) result[p] = 0;
        for (int g = 0; g < rule_.count; ++g) {
            const double distance = gap + size * rule_.nodes[g];
            double term = rule_.weights[g] * metric * distance * distance +
                          rule_.weights[g] * slope * distance;
            for (int p = 0; p < n_; ++p, term *= rule_.nodes[g]) result[p] += term;
        }
    }

    const PolynomialGrid& grid_;
    const GaussRule& rule_;
    const CellPotential& potentials_;
    const int n_;
    std::size_t cell_ = 0;
    Point site_{0, 0};
    std::vector<double> along_x_, along_y_, piece_;
    std::vector<CompensatedSum> sums_;
    Polygon local_;
};

// The cells that meet each row of pixels, in increasing order: those of row iy are
// cells[offsets[iy]] to cells[offsets[iy + 1]].
struct CellsOfRows {
    std::vector<std::size_t> offsets, cells;

    CellsOfRows(const GridAxis& rows, const ConvexPolygons& polygons) : offsets(rows.pixels + 1, 0) {
        std::vector<int> first(polygons.count), last(polygons.count);
        for (std::size_t i = 0; i < polygons.count; ++i) {
            find_rows(rows, polygons.corners(i), polygons.size(i), first[i], last[i]);
            for (int iy = first[i]; iy <= last[i]; ++iy) ++offsets[iy + 1];
        }
        for (int iy = 0; iy < rows.pixels; ++iy) offsets[iy + 1] += offsets[iy];
        cells.resize(offsets[rows.pixels]);
        std::vector<std::size_t> next(offsets.begin(), offsets.end() - 1);
        for (std::size_t i = 0; i < polygons.count; ++i)
            for (int iy = first[i]; iy <= last[i]; ++iy) cells[next[iy]++] = i;
    }

private:
    static void find_rows(const GridAxis& rows, const Point* corners, std::size_t count, int& first,
                          int& last) {
        first = 0;
        last = -1;
        if (count < 3) return;
        double low = corners[0].y, high = corners[0].y;
        for (std::size_t k = 1; k < count; ++k) {
            low = std::min(low, corners[k].y);
            high = std::max(high, corners[k].y);
        }
        first = rows.locate(low);
        last = rows.locate(high);
    }
};

// The rule must be exact for degree 2 terms + 1, as that of the moments. `grid` needs no values.
template <int Terms>
void grid_pull_back_with(const PolynomialGrid& grid, const GaussRule& rule,
                         const ConvexPolygons& polygons, const CellPotential& potentials,
                         int threads, double* result) {
    const CellsOfRows rows(grid.y, polygons);
    const std::size_t count = static_cast<std::size_t>(grid.y.pixels);
    parallel_for(count, threads, [&](std::size_t begin, std::size_t end) {
        PotentialSums<Terms> sums(grid, rule, potentials);
        PixelPieces<PotentialSums<Terms>> pieces(grid, sums);
        for (std::size_t row = begin; row < end; ++row) {
            const int iy = static_cast<int>(row);
            for (std::size_t k = rows.offsets[row]; k < rows.offsets[row + 1]; ++k) {
                const std::size_t cell = rows.cells[k];
                sums.start_cell(cell);
                pieces.run_in_row(polygons.corners(cell), polygons.size(cell), iy);
            }
            sums.take_row(iy, result);
        }
    }, 8);
}

inline void grid_pull_back(const PolynomialGrid& grid, const GaussRule& rule,
                           const ConvexPolygons& polygons, const CellPotential& potentials,
                           int threads, double* result) {
    with_constant_terms(grid.terms, [&](auto terms) {
        grid_pull_back_with<terms>(grid, rule, polygons, potentials, threads, result);
    });
}

}  // namespace sdot::grid
