// Mass, centroid and variance of a polynomial grid along the edges of a power diagram.
#pragma once

#include <cmath>
#include <cstddef>

#include "base/gauss_rules.hpp"
#include "base/geometry.hpp"
#include "base/moments.hpp"
#include "base/parallel.hpp"
#include "diagram/edge_moments.hpp"
#include "diagram/edges.hpp"
#include "grid/edge_pieces.hpp"
#include "grid/polynomial_grid.hpp"

namespace sdot::grid {

using diagram::DiagramEdges;
using diagram::EdgeLines;
using diagram::EdgeMomentArrays;
using diagram::Line;

// Of one edge, pixel by pixel. The rule must be exact for degree 2 terms (density, squares).
template <int Terms>
class EdgeMoments {
public:
    EdgeMoments(const PolynomialGrid& grid, const GaussRule& rule)
        : grid_(grid), rule_(rule), pieces_(grid) {}

    Moments operator()(const Line& line) {
        total_ = {};
        is_jump_ = false;
        pieces_.run(line, [&](int ix, int iy, Point from, Point to) { add(ix, iy, from, to); });
        return total_;
    }
    bool is_jump() const { return is_jump_; }

private:
    void add(int ix, int iy, Point from, Point to) {
        const RawMoments sums = integrals(ix, iy, from, to);
        total_.merge(sums.central());
        // Along a grid line the density may be another on its other side.
        const int other_x = ix + on_line(grid_.x, ix, from.x, to.x);
        const int other_y = iy + on_line(grid_.y, iy, from.y, to.y);
        if (other_x == ix && other_y == iy) return;
        is_jump_ |= diagram::is_jump(sums.mass, integrals(other_x, other_y, from, to).mass);
    }

    RawMoments integrals(int ix, int iy, Point from, Point to) const {
        const Point extent = to - from;
        const double length = std::sqrt(dot(extent, extent));
        RawMoments sums;
        sums.origin = from;
        for (int g = 0; g < rule_.count; ++g) {
            const Point gap = rule_.nodes[g] * extent;
            sums.add(gap, rule_.weights[g] * length *
                              grid_.template density<Terms>(ix, iy, from + gap));
        }
        return sums;
    }

    // Which neighbour of pixel i a piece touches along the line between them: -1, 1, or 0 if none.
    static int on_line(const GridAxis& axis, int i, double from, double to) {
        if (from != to) return 0;
        if (i > 0 && from == axis.lines[i]) return -1;
        return i + 1 < axis.pixels && from == axis.lines[i + 1] ? 1 : 0;
    }

    const PolynomialGrid& grid_;
    const GaussRule& rule_;
    const EdgePieces pieces_;
    Moments total_;
    bool is_jump_ = false;
};

// Of every edge, or of what of it cut(line, e) leaves, false for nothing.
template <class Cut>
void edge_moments(const DiagramEdges& diagram, const PolynomialGrid& grid, const GaussRule& rule,
                  int threads, const Cut& cut, const EdgeMomentArrays& result) {
    const EdgeLines lines(diagram, {grid.x.low(), grid.y.low()}, {grid.x.high(), grid.y.high()});
    with_constant_terms(grid.terms, [&](auto terms) {
        parallel_for(diagram.count, threads, [&](std::size_t begin, std::size_t end) {
            EdgeMoments<terms> moments(grid, rule);
            for (std::size_t e = begin; e < end; ++e) {
                Line line = lines.line(e);
                const bool is_left = cut(line, e);
                const Moments found = is_left ? moments(line) : Moments{};
                if (is_left && moments.is_jump()) result.write_jump(e);
                else result.write(e, found, diagram.bisector(e).normal);
            }
        });
    });
}

inline void edge_moments(const DiagramEdges& diagram, const PolynomialGrid& grid,
                         const GaussRule& rule, int threads, const EdgeMomentArrays& result) {
    const auto cut = [](const Line&, std::size_t) { return true; };
    edge_moments(diagram, grid, rule, threads, cut, result);
}

}  // namespace sdot::grid
