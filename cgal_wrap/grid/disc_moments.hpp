// Mass, centroid and second moments of a polynomial grid over cells cut by discs.
//
// Cells within their discs are treated as in moments.hpp.
#pragma once

#include <cstddef>

#include "base/caps.hpp"
#include "base/convex_polygons.hpp"
#include "base/geometry.hpp"
#include "base/moments.hpp"
#include "base/parallel.hpp"
#include "grid/discs.hpp"
#include "grid/moments.hpp"
#include "grid/polynomial_grid.hpp"

namespace sdot::grid {

// Moments of one cell, seen from its origin.
template <int Terms>
class DiscMomentSums {
public:
    DiscMomentSums(const PolynomialGrid& grid, const CutRules& rules) : grid_(grid), rules_(rules) {}

    template <class Region>
    void region(int ix, int iy, Point origin, const Region& part) {
        RawMoments sums;
        sums.origin = reference(part);
        region_nodes(part, rules_, [&](Point x, double weight) {
            const double density = grid_.template density<Terms>(ix, iy, origin + x);
            sums.add(x - sums.origin, weight * density);
        });
        row_.merge(sums.central());
    }
    void end_row() {
        cell_.merge(row_);
        row_ = {};
    }
    Moments take(Point origin) {
        Moments result = cell_;
        result.mean = origin + result.mean;
        cell_ = {};
        return result;
    }

private:
    static Point reference(const Polygon& polygon) { return polygon[0]; }
    static Point reference(const Cap& cap) { return cap.middle; }

    const PolynomialGrid& grid_;
    const CutRules& rules_;
    Moments row_, cell_;
};

// The rules must be exact for degree 2 terms + 1.
template <int Terms>
void disc_moments_with(const ConvexPolygons& cells, const Discs& discs, const PolynomialGrid& grid,
                       const CutRules& rules, int threads, const MomentArrays& moments) {
    parallel_for(cells.count, threads, [&](std::size_t begin, std::size_t end) {
        MomentSums<Terms> whole_sums(grid, rules.inner);
        PixelPieces<MomentSums<Terms>> whole_pieces(grid, whole_sums);
        DiscMomentSums<Terms> sums(grid, rules);
        CutPixelPieces<DiscMomentSums<Terms>> pieces(grid, sums);
        for (std::size_t i = begin; i < end; ++i) {
            if (discs.cuts(i)) {
                const Point origin = pieces.run(cells, discs, i);
                moments.write(i, sums.take(origin));
            } else {
                whole_pieces.run(cells.corners(i), cells.size(i));
                moments.write(i, whole_sums.take());
            }
        }
    }, 512);
}

inline void disc_moments(const ConvexPolygons& cells, const Discs& discs,
                         const PolynomialGrid& grid, const CutRules& rules, int threads,
                         const MomentArrays& moments) {
    with_constant_terms(grid.terms, [&](auto terms) {
        disc_moments_with<terms>(cells, discs, grid, rules, threads, moments);
    });
}

}  // namespace sdot::grid
