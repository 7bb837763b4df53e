// Mass, centroid and second moments of a polynomial grid over convex polygons.
//
// Each polygon is cut along the grid lines; on a piece inside one pixel the integrand is
// a polynomial, integrated exactly: in closed form if it is constant, else by Gauss rules on
// triangles (collapsed squares) or, for whole pixels, on the square. All weights are positive,
// and pieces are merged about their own centroids, so nothing cancels however small or far from
// the origin a cell is.
#pragma once

#include <cstddef>

#include "base/convex_polygons.hpp"
#include "base/geometry.hpp"
#include "base/moments.hpp"
#include "base/parallel.hpp"
#include "grid/pixel_pieces.hpp"
#include "grid/polynomial_grid.hpp"

namespace sdot::grid {

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

}  // namespace sdot::grid
