// Masses of cells cut by discs, and integrals over their edges and arcs, of a polynomial grid.
//
// Cells within their discs, and edges between them, are treated as in edges.hpp.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/caps.hpp"
#include "base/convex_polygons.hpp"
#include "base/geometry.hpp"
#include "base/parallel.hpp"
#include "grid/discs.hpp"
#include "grid/edges.hpp"
#include "grid/polynomial_grid.hpp"

namespace sdot::grid {

using diagram::DiscMassArrays;

// Mass and arc weight of one cell.
template <int Terms>
class DiscMassSums {
public:
    DiscMassSums(const PolynomialGrid& grid, const CutRules& rules) : grid_(grid), rules_(rules) {}

    template <class Region>
    void region(int ix, int iy, Point origin, const Region& part) {
        if (Terms == 1) {
            row_mass_ += *grid_.pixel(ix, iy) * region_area(part);
        } else {
            region_nodes(part, rules_, [&](Point x, double weight) {
                row_mass_ += weight * grid_.template density<Terms>(ix, iy, origin + x);
            });
        }
        add_arc(ix, iy, origin, part);
    }
    void end_row() {
        mass += row_mass_;
        row_mass_ = 0;
    }
    void clear() { mass = arc_weight = row_mass_ = 0; }

    double mass = 0, arc_weight = 0;

private:
    void add_arc(int, int, Point, const Polygon&) {}
    void add_arc(int ix, int iy, Point origin, const Cap& cap) {
        if (Terms == 1) {
            arc_weight += *grid_.pixel(ix, iy) * cap.half_angle;
            return;
        }
        arc_nodes(cap, rules_, [&](Point x, double angle) {
            arc_weight += 0.5 * angle * grid_.template density<Terms>(ix, iy, origin + x);
        });
    }

    const PolynomialGrid& grid_;
    const CutRules& rules_;
    double row_mass_ = 0;
};

template <int Terms>
void walk_cut_edges(const DiagramEdges& edges, const Discs& discs, const PolynomialGrid& grid,
                    const GaussRule& rule, const EdgeGeometry& geometry, int threads, double* green,
                    double* edge_weights) {
    parallel_for(edges.count, threads, [&](std::size_t begin, std::size_t end) {
        EdgeWalker<Terms> walker(grid, rule);
        for (std::size_t e = begin; e < end; ++e) {
            const bool left_cut = discs.cuts(static_cast<std::size_t>(edges.left(e)));
            const bool right_cut = discs.cuts(static_cast<std::size_t>(edges.right(e)));
            Line line = geometry.line(e);
            const bool outside = !geometry.inside(e, 0, line) && !geometry.inside(e, 1, line);
            EdgeIntegrals integrals;
            if (!outside && !(left_cut && right_cut)) integrals = walker.integrate(line);
            green[e] = integrals.green;
            if (left_cut || right_cut)
                integrals = !outside && cut_to_discs(line, discs, edges, e)
                                ? walker.integrate(line)
                                : EdgeIntegrals{};
            const Point normal = edges.bisector(e).normal;
            edge_weights[e] = integrals.density / (2 * std::sqrt(dot(normal, normal)));
        }
    });
}

// Masses of cells, and how they change with weights and radii: see DiscMasses in disc_kernel.py.
// `cells` are those near the discs, inside of the grid. The rules must be exact for degree
// 2 terms - 1.
template <int Terms>
void disc_masses_with(const DiagramEdges& edges, const std::uint8_t* is_hidden,
                      const ConvexPolygons& cells, const Discs& discs, const PolynomialGrid& grid,
                      const CutRules& rules, int threads, const DiscMassArrays& result) {
    const EdgeGeometry geometry(edges, grid);
    std::vector<double> green(edges.count);
    walk_cut_edges<Terms>(edges, discs, grid, rules.inner, geometry, threads, green.data(),
                          result.edge_weights);
    add_green(edges, is_hidden, grid, geometry, green.data(), result.masses);
    parallel_for(cells.count, threads, [&](std::size_t begin, std::size_t end) {
        DiscMassSums<Terms> sums(grid, rules);
        CutPixelPieces<DiscMassSums<Terms>> pieces(grid, sums);
        for (std::size_t i = begin; i < end; ++i) {
            result.arc_weights[i] = 0;
            if (!discs.cuts(i)) continue;
            sums.clear();
            pieces.run(cells, discs, i);
            result.masses[i] = sums.mass;
            result.arc_weights[i] = sums.arc_weight;
        }
    }, 512);
}

inline void disc_masses(const DiagramEdges& edges, const std::uint8_t* is_hidden,
                        const ConvexPolygons& cells, const Discs& discs, const PolynomialGrid& grid,
                        const CutRules& rules, int threads, const DiscMassArrays& result) {
    with_constant_terms(grid.terms, [&](auto terms) {
        disc_masses_with<terms>(edges, is_hidden, cells, discs, grid, rules, threads, result);
    });
}

}  // namespace sdot::grid
