// Masses of cells cut by discs, and integrals over their edges and arcs, of a polynomial grid.
//
// Cells within their discs, and edges between them, are treated as in edges.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/cap_series.hpp"
#include "base/caps.hpp"
#include "base/convex_polygons.hpp"
#include "base/disc_cutter.hpp"
#include "base/geometry.hpp"
#include "base/parallel.hpp"
#include "diagram/discs.hpp"
#include "grid/arc_pieces.hpp"
#include "grid/discs.hpp"
#include "grid/edges.hpp"
#include "grid/polynomial_grid.hpp"

namespace sdot::grid {

using diagram::DiscMassArrays;

struct DiscMass {
    double mass = 0, arc_weight = 0;
};

// With the density's value, gradient g and mixed derivative h at the middle of the chord, it is
// value + p g.u + q g.v + h (p u.x + q v.x) (p u.y + q v.y) at height p along the axis u and at
// distance q along v, across it; odd powers of q vanish.
inline DiscMass bilinear_cap_mass(const PolynomialGrid& grid, int ix, int iy, Point origin,
                                  const Cap& cap) {
    const double* c = grid.pixel(ix, iy);
    const Point size{grid.x.size(ix), grid.y.size(iy)}, middle = origin + cap.middle;
    const double s = (middle.x - grid.x.lines[ix]) / size.x;
    const double t = (middle.y - grid.y.lines[iy]) / size.y;
    const double value = c[0] + c[1] * t + s * (c[2] + c[3] * t);
    const Point gradient{(c[2] + c[3] * t) / size.x, (c[1] + c[3] * s) / size.y};
    const double slope = dot(gradient, cap.axis);
    const double twist = c[3] / (size.x * size.y) * cap.axis.x * cap.axis.y;
    const double a = cap.half_angle, r = cap.radius;
    return {value * cap.area() + r * r * r * (slope * CapSeries::height(a) -
                                              twist * r * CapSeries::square_gap(a)),
            value * a + r * (slope * CapSeries::arc_height(a) -
                             twist * r * CapSeries::arc_square_gap(a))};
}

// The mass of a cap in one pixel, and the weight of its arc.
template <int Terms>
DiscMass cap_mass(const PolynomialGrid& grid, const CutRules& rules, int ix, int iy, Point origin,
                  const Cap& cap) {
    if (Terms == 1) {
        const double density = *grid.pixel(ix, iy);
        return {density * cap.area(), density * cap.half_angle};
    }
    if (Terms == 2) return bilinear_cap_mass(grid, ix, iy, origin, cap);
    DiscMass sum;
    region_nodes(cap, rules, [&](Point x, double weight) {
        sum.mass += weight * grid.template density<Terms>(ix, iy, origin + x);
    });
    arc_nodes(cap, rules, [&](Point x, double angle) {
        sum.arc_weight += 0.5 * angle * grid.template density<Terms>(ix, iy, origin + x);
    });
    return sum;
}

// Mass and arc weight of one cell, by its parts in single pixels.
template <int Terms>
class DiscMassSums {
public:
    DiscMassSums(const PolynomialGrid& grid, const CutRules& rules) : grid_(grid), rules_(rules) {}

    void region(int ix, int iy, Point origin, const Cap& cap) {
        const DiscMass part = cap_mass<Terms>(grid_, rules_, ix, iy, origin, cap);
        row_mass_ += part.mass;
        sum_.arc_weight += part.arc_weight;
    }
    void region(int ix, int iy, Point origin, const Polygon& polygon) {
        if (Terms == 1) {
            row_mass_ += *grid_.pixel(ix, iy) * region_area(polygon);
            return;
        }
        region_nodes(polygon, rules_, [&](Point x, double weight) {
            row_mass_ += weight * grid_.template density<Terms>(ix, iy, origin + x);
        });
    }
    void end_row() {
        sum_.mass += row_mass_;
        row_mass_ = 0;
    }
    DiscMass take() {
        const DiscMass result = sum_;
        sum_ = {};
        return result;
    }

private:
    const PolynomialGrid& grid_;
    const CutRules& rules_;
    double row_mass_ = 0;
    DiscMass sum_;
};

// The same by Green's theorem, along the boundary: see edges.hpp. Along an arc in one pixel the
// integral of F dy is that along its chord and the mass of the cap.
template <int Terms>
class DiscBoundary {
public:
    DiscBoundary(const PolynomialGrid& grid, const CutRules& rules)
        : grid_(grid), rules_(rules), walker_(grid, rules.inner), arcs_(grid) {}

    DiscMass integrate(const Polygon& corners, const Disc& disc, Point origin) {
        origin_ = origin;
        circle_ = {origin + disc.centre, std::sqrt(disc.squared_radius)};
        sum_ = {};
        cutter_.run_boundary(corners, disc, Visitor{*this});
        return sum_;
    }

private:
    struct Visitor {  // what DiscCutter calls
        DiscBoundary& sums;
        void side(Point from, Point to) const { sums.side(from, to); }
        void cap(const Cap& cap) const { sums.cap(cap); }
    };

    void side(Point from, Point to) {
        const Point start = origin_ + from, finish = origin_ + to;
        sum_.mass += walker_.integrate({start, finish - start, 0.0, 1.0, start, finish}).green;
    }

    void cap(const Cap& cap) {
        const double half_chord = cap.radius * small_sine(cap.half_angle);
        const Point from = inside(origin_ + cap.at(0, -half_chord));
        const Point to = inside(origin_ + cap.at(0, half_chord));
        arcs_.run(circle_, from, to, [&](int ix, int iy, Point a, Point b) {
            sum_.mass += walker_.green(ix, iy, a, b);
            const Point chord = b - a;
            const double length = std::sqrt(dot(chord, chord));
            if (!(length > 0)) return;
            const Cap part{0.5 * (a + b), {chord.y / length, -chord.x / length}, cap.radius,
                           std::asin(0.5 * length / cap.radius)};
            const DiscMass mass = cap_mass<Terms>(grid_, rules_, ix, iy, {0, 0}, part);
            sum_.mass += mass.mass;
            sum_.arc_weight += mass.arc_weight;
        });
    }

    Point inside(Point x) const {
        return {std::max(grid_.x.low(), std::min(x.x, grid_.x.high())),
                std::max(grid_.y.low(), std::min(x.y, grid_.y.high()))};
    }

    const PolynomialGrid& grid_;
    const CutRules& rules_;
    EdgeWalker<Terms> walker_;
    const ArcPieces arcs_;
    DiscCutter cutter_;
    Point origin_{0, 0};
    Circle circle_{};
    DiscMass sum_;
};

// Of cut cells, in the way that is quicker: few pixels are cut one by one, which is more accurate
// for tiny discs; of many only those on the boundary are visited.
template <int Terms>
class DiscMasses {
public:
    DiscMasses(const PolynomialGrid& grid, const CutRules& rules)
        : grid_(grid),
          sums_(grid, rules),
          pieces_(grid, sums_, Terms == 1 ? kWholeCircle : kWidestHalfAngle),
          boundary_(grid, rules) {}

    DiscMass of(const ConvexPolygons& cells, const Discs& discs, std::size_t i) {
        if (cells.size(i) < 3) return {};
        if (pixels(cells, discs, i) <= kFewPixels) {
            pieces_.run(cells, discs, i);
            return sums_.take();
        }
        const Point origin = discs.origin(i, cells.corners(i), cells.size(i));
        seen_.clear();
        for (std::size_t k = 0; k < cells.size(i); ++k)
            seen_.push_back(cells.corners(i)[k] - origin);
        return boundary_.integrate(seen_, discs.seen_from(origin, i), origin);
    }

private:
    static constexpr std::size_t kFewPixels = 9;

    // Of the box that is in both the cell's and the disc's.
    std::size_t pixels(const ConvexPolygons& cells, const Discs& discs, std::size_t i) const {
        const Box box = Box::around(cells.corners(i), cells.size(i));
        const double radius = std::sqrt(discs.squared_radii[i]);
        const Point centre = discs.centre(i);
        const auto along = [&](const GridAxis& axis, double low, double high) {
            return static_cast<std::size_t>(std::max(0, axis.locate(high) - axis.locate(low)) + 1);
        };
        return along(grid_.x, std::max(box.low.x, centre.x - radius),
                     std::min(box.high.x, centre.x + radius)) *
               along(grid_.y, std::max(box.low.y, centre.y - radius),
                     std::min(box.high.y, centre.y + radius));
    }

    const PolynomialGrid& grid_;
    DiscMassSums<Terms> sums_;
    CutPixelPieces<DiscMassSums<Terms>> pieces_;
    DiscBoundary<Terms> boundary_;
    Polygon seen_;
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
        DiscMasses<Terms> masses(grid, rules);
        for (std::size_t i = begin; i < end; ++i) {
            result.arc_weights[i] = 0;
            if (!discs.cuts(i)) continue;
            const DiscMass cell = masses.of(cells, discs, i);
            result.masses[i] = cell.mass;
            result.arc_weights[i] = cell.arc_weight;
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
