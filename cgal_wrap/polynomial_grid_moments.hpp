// Mass, centroid and second moments of a polynomial grid over convex polygons.
//
// Each polygon is cut along the grid lines; on a piece inside one pixel the integrand is
// a polynomial, integrated exactly: in closed form if it is constant, else by Gauss rules on
// triangles (collapsed squares) or, for whole pixels, on the square. All weights are positive,
// and pieces are merged about their own centroids, so nothing cancels however small or far from
// the origin a cell is.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "convex_polygons.hpp"
#include "geometry.hpp"
#include "moments.hpp"
#include "parallel.hpp"
#include "polynomial_grid.hpp"

namespace sdot {

// Calls visit(point, weight) for the nodes of the tensor rule on a whole pixel.
template <class Visit>
void pixel_nodes(const PolynomialGrid& grid, const GaussRule& rule, int ix, int iy,
                 const Visit& visit) {
    const Point size{grid.x.size(ix), grid.y.size(iy)};
    for (int g = 0; g < rule.count; ++g)
        for (int h = 0; h < rule.count; ++h)
            visit(Point{grid.x.lines[ix] + rule.nodes[g] * size.x,
                        grid.y.lines[iy] + rule.nodes[h] * size.y},
                  rule.weights[g] * rule.weights[h] * size.x * size.y);
}

// Sums within a piece, then piece by piece within a row, then row by row: short sums, so that
// rounding stays small on images of millions of pixels.
template <int Terms>
class MomentSums {
public:
    MomentSums(const PolynomialGrid& grid, const GaussRule& rule) : grid_(grid), rule_(rule) {}

    void whole_pixel(int ix, int iy) {
        const Point corner{grid_.x.lines[ix], grid_.y.lines[iy]};
        if (Terms == 1) {
            const Point size{grid_.x.size(ix), grid_.y.size(iy)};
            const double mass = *grid_.pixel(ix, iy) * size.x * size.y;
            row_.merge({mass, corner + 0.5 * size, mass * size.x * size.x / 12, 0.0,
                        mass * size.y * size.y / 12});
            return;
        }
        RawMoments sums;
        sums.origin = corner;
        pixel_nodes(grid_, rule_, ix, iy, [&](Point x, double weight) {
            sums.add(x - corner, weight * grid_.template density<Terms>(ix, iy, x));
        });
        row_.merge(sums.central());
    }

    void piece(int ix, int iy, const Polygon& polygon) {
        if (Terms == 1) {
            Moments moments = polygon_raw_moments(polygon.data(), polygon.size()).central();
            const double density = *grid_.pixel(ix, iy);
            row_.merge({density * moments.mass, moments.mean, density * moments.xx,
                        density * moments.xy, density * moments.yy});
            return;
        }
        RawMoments sums;
        sums.origin = polygon[0];
        polygon_nodes(polygon, rule_, [&](Point x, double weight) {
            sums.add(x - polygon[0], weight * grid_.template density<Terms>(ix, iy, x));
        });
        row_.merge(sums.central());
    }

    void end_row() {
        cell_.merge(row_);
        row_ = {};
    }

    Moments take() {
        const Moments result = cell_;
        cell_ = {};
        return result;
    }

private:
    const PolynomialGrid& grid_;
    const GaussRule& rule_;
    Moments row_, cell_;
};

// Cuts a polygon into its pieces inside single pixels, row by row, and shows them to the visitor:
// visitor.whole_pixel(ix, iy) or visitor.piece(ix, iy, polygon), and end_row().
template <class Visitor>
class PixelPieces {
public:
    PixelPieces(const PolynomialGrid& grid, Visitor& visitor) : grid_(grid), visitor_(visitor) {}

    void run(const Point* corners, std::size_t count) {
        if (count < 3) return;
        rest_.assign(corners, corners + count);
        double low, high;
        extent(rest_, &Point::y, low, high);
        const int last = grid_.y.locate(high);
        for (int iy = grid_.y.locate(low); iy <= last; ++iy) {
            split(rest_, strip_, &Point::y, iy < last ? grid_.y.lines[iy + 1] : kNever);
            if (strip_.size() < 3) continue;
            run_row(iy);
            visitor_.end_row();
        }
    }

    // The same for what lies in one row only; without end_row().
    void run_in_row(const Point* corners, std::size_t count, int iy) {
        if (count < 3) return;
        strip_.assign(corners, corners + count);
        const double from = grid_.y.lines[iy], to = grid_.y.lines[iy + 1];
        if (iy > 0) cut(strip_, [from](Point p) { return from - p.y; });
        if (iy + 1 < grid_.y.pixels) cut(strip_, [to](Point p) { return p.y - to; });
        if (strip_.size() > 2) run_row(iy);
    }

private:
    static constexpr double kNever = std::numeric_limits<double>::infinity();

    static void extent(const Polygon& polygon, double Point::*axis, double& low, double& high) {
        low = high = polygon[0].*axis;
        for (const Point& p : polygon) {
            low = std::min(low, p.*axis);
            high = std::max(high, p.*axis);
        }
    }

    // Keeps the part of `polygon` where `side` is not positive.
    template <class Side>
    void cut(Polygon& polygon, const Side& side) {
        if (std::none_of(polygon.begin(), polygon.end(), [&](Point p) { return side(p) > 0; }))
            return;
        clip(polygon, side, scratch_);
        polygon.swap(scratch_);
    }

    // Moves the part of `rest` below the line to `part`.
    void split(Polygon& rest, Polygon& part, double Point::*axis, double line) {
        if (line == kNever) {
            part.swap(rest);
            rest.clear();
            return;
        }
        clip(rest, [&](Point p) { return p.*axis - line; }, part);
        clip(rest, [&](Point p) { return line - p.*axis; }, scratch_);
        rest.swap(scratch_);
    }

    void run_row(int iy) {
        double low, high;
        extent(strip_, &Point::x, low, high);
        const int first = grid_.x.locate(low), last = grid_.x.locate(high);
        int whole_begin = last + 1, whole_end = last + 1;
        if (last - first > 2) whole_pixels(iy, whole_begin, whole_end);
        for (int ix = first; ix <= last; ++ix) {
            if (ix == whole_begin && whole_begin < whole_end) {
                split(strip_, piece_, &Point::x, grid_.x.lines[whole_begin]);
                show_piece(ix - 1, iy);
                for (; ix < whole_end; ++ix) visitor_.whole_pixel(ix, iy);
                split(strip_, piece_, &Point::x, grid_.x.lines[whole_end]);
                if (ix > last) return;
            }
            split(strip_, piece_, &Point::x, ix < last ? grid_.x.lines[ix + 1] : kNever);
            show_piece(ix, iy);
        }
    }

    // The pixels of a row that lie wholly inside the strip, which is convex: those between
    // its sides at both heights of the row.
    void whole_pixels(int iy, int& begin, int& end) const {
        double left = -kNever, right = kNever;
        for (const double height : {grid_.y.lines[iy], grid_.y.lines[iy + 1]}) {
            double low = kNever, high = -kNever;
            for (const Point& p : strip_) {
                if (std::abs(p.y - height) > 1e-14 * grid_.y.size(iy) + 1e-16 * std::abs(height))
                    continue;
                low = std::min(low, p.x);
                high = std::max(high, p.x);
            }
            left = std::max(left, low);
            right = std::min(right, high);
        }
        if (!(left < right)) return;
        begin = grid_.x.locate(left);
        if (grid_.x.lines[begin] < left) ++begin;
        end = grid_.x.locate(right);
        if (grid_.x.lines[end + 1] <= right) ++end;
    }

    void show_piece(int ix, int iy) const {
        if (piece_.size() > 2) visitor_.piece(ix, iy, piece_);
    }

    const PolynomialGrid& grid_;
    Visitor& visitor_;
    Polygon rest_, strip_, piece_, scratch_;
};

// The rule must be exact for degree 2 terms + 1 (density of total degree 2 (terms - 1),
// second moments, Jacobian).
template <int Terms>
void cell_moments_with(const PolynomialGrid& grid, const GaussRule& rule,
                       const ConvexPolygons& polygons, int threads, const MomentArrays& moments) {
    parallel_for(polygons.count, threads, [&](std::size_t begin, std::size_t end) {
        MomentSums<Terms> sums(grid, rule);
        PixelPieces<MomentSums<Terms>> pieces(grid, sums);
        for (std::size_t i = begin; i < end; ++i) {
            pieces.run(polygons.corners(i), polygons.size(i));
            moments.write(i, sums.take());
        }
    }, 512);
}

inline void cell_moments(const PolynomialGrid& grid, const GaussRule& rule,
                         const ConvexPolygons& polygons, int threads,
                         const MomentArrays& moments) {
    with_constant_terms(grid.terms, [&](auto terms) {
        cell_moments_with<terms>(grid, rule, polygons, threads, moments);
    });
}

}  // namespace sdot
