// Cell masses and edge integrals of a polynomial grid by walking each edge once.
//
// With F(x, y) the integral of rho over the row up to x, Green's theorem gives the mass
// of a cell as the integral of F dy along its boundary. F vanishes left of the grid and
// rho above and below, so of the domain's boundary only the right side contributes. The
// cost follows the number of grid lines crossed, not the pixels covered.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/geometry.hpp"
#include "base/parallel.hpp"
#include "diagram/edges.hpp"
#include "grid/edge_pieces.hpp"
#include "grid/polynomial_grid.hpp"

namespace sdot::grid {

using diagram::DiagramEdges;
using diagram::EdgeLines;
using diagram::Line;

// The edges, and where they meet the right side of the grid.
class EdgeGeometry {
public:
    EdgeGeometry(const DiagramEdges& diagram, const PolynomialGrid& grid)
        : diagram_(diagram),
          lines_(diagram, {grid.x.low(), grid.y.low()}, {grid.x.high(), grid.y.high()}),
          right_(grid.x.high()) {}

    Line line(std::size_t e) const { return lines_.line(e); }

    // Whether the edge starts (end = 0) or ends (end = 1) strictly left of the grid's right
    // side. Decided by the stored vertex, so all edges that meet there agree.
    bool inside(std::size_t e, int end, const Line& line) const {
        const auto v = diagram_.edge_vertices[2 * e + end];
        if (v >= 0) return diagram_.vertex(v).x < right_;
        const double outward = end ? line.direction.x : -line.direction.x;
        return outward == 0 ? line.origin.x < right_ : outward < 0;
    }

    double height_at_right_side(const Line& line) const {
        if (line.direction.x == 0) return line.at(std::isfinite(line.end) ? line.end : 0).y;
        return line.origin.y + (right_ - line.origin.x) / line.direction.x * line.direction.y;
    }

private:
    const DiagramEdges& diagram_;
    EdgeLines lines_;
    double right_;
};

struct EdgeIntegrals {
    double density = 0;  // integral of rho along the edge
    double green = 0;    // integral of F dy along the edge
};

// Terms: polynomial terms per axis, 0 when known only at run time.
template <int Terms>
class EdgeWalker {
public:
    EdgeWalker(const PolynomialGrid& grid, const GaussRule& rule)
        : grid_(grid), rule_(rule), pieces_(grid) {}

    // The integrals over the part of the line inside the grid.
    EdgeIntegrals integrate(const Line& line) {
        integrals_ = {};
        pieces_.run(line, [&](int ix, int iy, Point from, Point to) { add(ix, iy, from, to); });
        return integrals_;
    }

    // The integral of F dy along a segment in one pixel.
    double green(int ix, int iy, Point from, Point to) const {
        const Point extent = to - from;
        if (Terms == 1)
            return extent.y * (*grid_.prefix(ix, iy) +
                               *grid_.pixel(ix, iy) *
                                   (0.5 * (from.x + to.x) - grid_.x.lines[ix]));
        double mean = 0;
        for (int g = 0; g < rule_.count; ++g)
            mean += rule_.weights[g] * grid_.template row_integral<Terms>(
                                           ix, iy, from + rule_.nodes[g] * extent);
        return mean * extent.y;
    }

private:
    void add(int ix, int iy, Point from, Point to) {
        const Point extent = to - from;
        double density = 0, green = 0;
        if (Terms == 1) {
            const double value = *grid_.pixel(ix, iy);
            density = value;
            green = *grid_.prefix(ix, iy) +
                    value * (0.5 * (from.x + to.x) - grid_.x.lines[ix]);
        } else {
            for (int g = 0; g < rule_.count; ++g) {
                const Point node = from + rule_.nodes[g] * extent;
                density += rule_.weights[g] * grid_.template density<Terms>(ix, iy, node);
                green += rule_.weights[g] * grid_.template row_integral<Terms>(ix, iy, node);
            }
        }
        integrals_.density += density * std::sqrt(dot(extent, extent));
        integrals_.green += green * extent.y;
    }

    const PolynomialGrid& grid_;
    const GaussRule& rule_;
    const EdgePieces pieces_;
    EdgeIntegrals integrals_;
};

// What the grid's right side adds: its piece inside each cell, between the heights where
// the cell's boundary crosses it.
class RightSide {
public:
    RightSide(const DiagramEdges& diagram, const PolynomialGrid& grid, const EdgeGeometry& geometry)
        : diagram_(diagram), grid_(grid) {
        for (std::size_t e = 0; e < diagram.count; ++e) {
            const Line line = is_plain(e) ? Line{} : geometry.line(e);
            const bool starts_inside = geometry.inside(e, 0, line);
            if (starts_inside == geometry.inside(e, 1, line)) continue;
            const double height = geometry.height_at_right_side(geometry.line(e));
            // Leaving to the right, the edge has its left site above it.
            crossings_.push_back({diagram.left(e), starts_inside ? -1 : 1, height});
            crossings_.push_back({diagram.right(e), starts_inside ? 1 : -1, height});
        }
        std::stable_sort(crossings_.begin(), crossings_.end(),
                         [](const Crossing& a, const Crossing& b) { return a.site < b.site; });
    }

    void add_to(double* masses, const std::uint8_t* is_hidden, const EdgeGeometry& geometry) const {
        if (crossings_.empty()) {
            masses[only_site(is_hidden, geometry)] += grid_.mass_between(grid_.y.low(), grid_.y.high());
            return;
        }
        for (std::size_t k = 0; k < crossings_.size();) {
            const Crossing& first = crossings_[k];
            int balance = 0;
            double mass = 0;
            for (; k < crossings_.size() && crossings_[k].site == first.site; ++k) {
                balance += crossings_[k].sign;
                mass += crossings_[k].sign * grid_.mass_between(first.height, crossings_[k].height);
            }
            if (balance > 0) mass += grid_.mass_between(grid_.y.low(), first.height);   // lowest cell
            if (balance < 0) mass += grid_.mass_between(first.height, grid_.y.high());  // highest
            masses[first.site] += mass;
        }
    }

private:
    struct Crossing {
        std::int32_t site;
        int sign;  // +1 where the site's piece ends, -1 where it begins, going up
        double height;
    };

    bool is_plain(std::size_t e) const {
        return diagram_.edge_vertices[2 * e] >= 0 && diagram_.edge_vertices[2 * e + 1] >= 0;
    }

    // No edge crosses the right side only when all edges are vertical lines: the cell that
    // holds it is then the one right of the last line before it.
    std::int32_t only_site(const std::uint8_t* is_hidden, const EdgeGeometry& geometry) const {
        std::int32_t found = -1;
        const auto further = [&](std::int32_t i) {
            return found < 0 || diagram_.sites.position(i).x > diagram_.sites.position(found).x;
        };
        for (std::size_t e = 0; e < diagram_.count; ++e) {
            if (!geometry.inside(e, 0, geometry.line(e))) continue;
            for (const std::int32_t site : {diagram_.left(e), diagram_.right(e)})
                if (further(site)) found = site;
        }
        if (found >= 0) return found;
        for (std::size_t i = 0; i < diagram_.sites.count; ++i) {
            const auto site = static_cast<std::int32_t>(i);
            if (!is_hidden[i] && (found < 0 || !further(site))) found = site;
        }
        return found;
    }

    const DiagramEdges& diagram_;
    const PolynomialGrid& grid_;
    std::vector<Crossing> crossings_;
};

template <int Terms>
void walk_all_edges(const DiagramEdges& diagram, const PolynomialGrid& grid, const GaussRule& rule,
                    const EdgeGeometry& geometry, int threads, double* green, double* edge_weights) {
    parallel_for(diagram.count, threads, [&](std::size_t begin, std::size_t end) {
        EdgeWalker<Terms> walker(grid, rule);
        for (std::size_t e = begin; e < end; ++e) {
            const Line line = geometry.line(e);
            const bool outside = !geometry.inside(e, 0, line) && !geometry.inside(e, 1, line);
            const EdgeIntegrals integrals = outside ? EdgeIntegrals{} : walker.integrate(line);
            const Point normal = diagram.bisector(e).normal;
            green[e] = integrals.green;
            edge_weights[e] = integrals.density / (2 * std::sqrt(dot(normal, normal)));
        }
    });
}

// The masses of cells from the integrals along their edges.
inline void add_green(const DiagramEdges& diagram, const std::uint8_t* is_hidden,
                      const PolynomialGrid& grid, const EdgeGeometry& geometry, const double* green,
                      double* masses) {
    std::fill(masses, masses + diagram.sites.count, 0.0);
    for (std::size_t e = 0; e < diagram.count; ++e) {
        masses[diagram.left(e)] += green[e];
        masses[diagram.right(e)] -= green[e];
    }
    RightSide(diagram, grid, geometry).add_to(masses, is_hidden, geometry);
}

// masses[i] = rho(C_i); edge_weights[e] = (1 / (2 |y_i - y_j|)) * integral of rho along edge e.
inline void masses_and_edge_weights(const DiagramEdges& diagram, const std::uint8_t* is_hidden,
                                    const PolynomialGrid& grid, const GaussRule& rule, int threads,
                                    double* masses, double* edge_weights) {
    const EdgeGeometry geometry(diagram, grid);
    std::vector<double> green(diagram.count);
    with_constant_terms(grid.terms, [&](auto terms) {
        walk_all_edges<terms>(diagram, grid, rule, geometry, threads, green.data(), edge_weights);
    });
    add_green(diagram, is_hidden, grid, geometry, green.data(), masses);
}

}  // namespace sdot::grid
