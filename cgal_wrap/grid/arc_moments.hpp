// Mass, centroid and second moments of a polynomial grid along the edges and arcs of cells cut by
// discs, for second derivatives.
#pragma once

#include <cstddef>

#include "base/caps.hpp"
#include "base/convex_polygons.hpp"
#include "base/geometry.hpp"
#include "base/moments.hpp"
#include "base/parallel.hpp"
#include "diagram/discs.hpp"
#include "grid/discs.hpp"
#include "grid/edge_moments.hpp"
#include "grid/polynomial_grid.hpp"

namespace sdot::grid {

inline void disc_edge_moments(const DiagramEdges& diagram, const Discs& discs,
                              const PolynomialGrid& grid, const GaussRule& rule, int threads,
                              const EdgeMomentArrays& result) {
    const auto cut = [&](Line& line, std::size_t e) {
        return diagram::cut_to_discs(line, discs, diagram, e);
    };
    edge_moments(diagram, grid, rule, threads, cut, result);
}

// Half of the integrals over the angle, along the arcs of one cell.
class ArcMomentSums {
public:
    ArcMomentSums(const PolynomialGrid& grid, const CutRules& rules) : grid_(grid), rules_(rules) {}

    void region(int, int, Point, const Polygon&) {}
    void region(int ix, int iy, Point origin, const Cap& cap) {
        RawMoments sums;
        sums.origin = cap.middle;
        arc_nodes(cap, rules_, [&](Point x, double angle) {
            const double density = grid_.density<0>(ix, iy, origin + x);
            sums.add(x - cap.middle, 0.5 * angle * density);
        });
        sum_.merge(sums.central());
    }
    void end_row() {}
    Moments take(Point origin) {
        Moments result = sum_;
        result.mean = origin + result.mean;
        sum_ = {};
        return result;
    }

private:
    const PolynomialGrid& grid_;
    const CutRules& rules_;
    Moments sum_;
};

// The rules must be exact for degree 2 terms.
inline void arc_moments(const ConvexPolygons& cells, const Discs& discs, const PolynomialGrid& grid,
                        const CutRules& rules, int threads, const MomentArrays& moments) {
    parallel_for(cells.count, threads, [&](std::size_t begin, std::size_t end) {
        ArcMomentSums sums(grid, rules);
        CutPixelPieces<ArcMomentSums> pieces(grid, sums);
        for (std::size_t i = begin; i < end; ++i) {
            Point origin{0, 0};
            if (discs.cuts(i) && cells.size(i) > 0) origin = pieces.run(cells, discs, i);
            moments.write(i, sums.take(origin));
        }
    }, 512);
}

}  // namespace sdot::grid
