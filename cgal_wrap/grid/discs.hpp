// Integrals of a polynomial grid over cells cut by discs, and over their edges and arcs.
//
// Cells within their discs, and edges between them, are treated as in edges.hpp and moments.hpp. A
// cut cell is cut along the grid lines and then, pixel by pixel, into polygons and caps, on which
// rules with positive weights are exact up to rounding. Its coordinates and centroids are seen from
// its site until the end, so that tiny discs lose nothing.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/caps.hpp"
#include "base/convex_polygons.hpp"
#include "base/geometry.hpp"
#include "base/moments.hpp"
#include "base/parallel.hpp"
#include "diagram/discs.hpp"
#include "grid/edges.hpp"
#include "grid/moments.hpp"
#include "grid/pixel_pieces.hpp"
#include "grid/polynomial_grid.hpp"

namespace sdot::grid {

using diagram::DiscMassArrays;
using diagram::DiscParts;
using diagram::Discs;

// Shows the parts of a cut cell in single pixels to sums.region(ix, iy, origin, region), where a
// region is a polygon or a cap, seen from the origin; and sums.end_row().
template <class Sums>
class CutPixelPieces {
public:
    CutPixelPieces(const PolynomialGrid& grid, Sums& sums)
        : grid_(grid), sums_(sums), parts_(*this), pieces_(grid, *this) {}

    // Returns the origin.
    Point run(const ConvexPolygons& cells, const Discs& discs, std::size_t i) {
        parts_.set(discs, i, cells.corners(i), cells.size(i));
        pieces_.run(cells.corners(i), cells.size(i));
        return parts_.origin();
    }
    void run_in_row(const ConvexPolygons& cells, const Discs& discs, std::size_t i, int iy) {
        parts_.set(discs, i, cells.corners(i), cells.size(i));
        pieces_.run_in_row(cells.corners(i), cells.size(i), iy);
    }

    // What PixelPieces calls:
    void whole_pixel(int ix, int iy) {
        const GridAxis &x = grid_.x, &y = grid_.y;
        pixel_ = {{x.lines[ix], y.lines[iy]},
                  {x.lines[ix + 1], y.lines[iy]},
                  {x.lines[ix + 1], y.lines[iy + 1]},
                  {x.lines[ix], y.lines[iy + 1]}};
        piece(ix, iy, pixel_);
    }
    void piece(int ix, int iy, const Polygon& polygon) {
        ix_ = ix;
        iy_ = iy;
        parts_.run(polygon);
    }
    void end_row() { sums_.end_row(); }

    // What DiscParts calls:
    template <class Region>
    void region(const Region& part) {
        sums_.region(ix_, iy_, parts_.origin(), part);
    }

private:
    const PolynomialGrid& grid_;
    Sums& sums_;
    DiscParts<CutPixelPieces> parts_;
    PixelPieces<CutPixelPieces> pieces_;
    Polygon pixel_;
    int ix_ = 0, iy_ = 0;
};

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
