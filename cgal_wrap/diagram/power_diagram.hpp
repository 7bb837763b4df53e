// The dual of a regular triangulation: vertices and edges of the power diagram as flat arrays.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/geometry.hpp"
#include "base/interruption.hpp"
#include "base/parallel.hpp"
#include "triangulation/faces.hpp"
#include "triangulation/regular_triangulation.hpp"

namespace sdot::diagram {

using triangulation::Exact;
using triangulation::ExactRing;
using triangulation::TriangulationFaces;
using triangulation::next_corner;
using triangulation::previous_corner;

// a b - c d with an error of at most 1.5 ulp of the result's exact value (Kahan; Jeannerod,
// Louvet and Muller, Math. Comp. 2013).
inline double difference_of_products(double a, double b, double c, double d) {
    const double cd = c * d;
    const double error = std::fma(-c, d, cd);
    return std::fma(a, b, -cd) + error;
}

// Writes the power centre of three sites. Cramer's rule in coordinates relative to one of them,
// with correctly rounded determinants: the only error left is that of the right-hand sides, so
// the vertex lies on its three bisectors to rounding even when the triangle is a sliver.
class PowerCentre {
public:
    explicit PowerCentre(const WeightedSites& sites) : sites_(sites) {}

    Point operator()(std::int32_t a, std::int32_t b, std::int32_t c) const {
        to_corner_opposite_longest_side(a, b, c);
        const Point p = sites_.position(a), q = sites_.position(b) - p, r = sites_.position(c) - p;
        const double common = difference_of_products(q.x, r.y, q.y, r.x);
        // Past this the rounding of the differences themselves decides the determinant.
        if (std::abs(common) < 1e-10 * std::sqrt(dot(q, q) * dot(r, r))) return exact(a, b, c);
        const double to_q = 0.5 * (dot(q, q) + sites_.weight_gap(a, b));
        const double to_r = 0.5 * (dot(r, r) + sites_.weight_gap(a, c));
        return {p.x + difference_of_products(to_q, r.y, to_r, q.y) / common,
                p.y + difference_of_products(q.x, to_r, r.x, to_q) / common};
    }

private:
    // Measured from this corner, two sites very close to each other show their exact distance.
    void to_corner_opposite_longest_side(std::int32_t& a, std::int32_t& b, std::int32_t& c) const {
        const Point x = sites_.position(a), y = sites_.position(b), z = sites_.position(c);
        const double across_a = dot(y - z, y - z), across_b = dot(z - x, z - x),
                     across_c = dot(x - y, x - y);
        if (across_a >= across_b && across_a >= across_c) return;
        const std::int32_t first = a;
        if (across_b >= across_c) a = b, b = c, c = first;
        else a = c, c = b, b = first;
    }

    Point exact(std::int32_t a, std::int32_t b, std::int32_t c) const {
        const auto quick = exact_fractions<ExactRing>(a, b, c);
        const double x = CGAL::to_double(quick.x), y = CGAL::to_double(quick.y),
                     common = CGAL::to_double(quick.common);
        if (std::isnormal(common) && can_be_divided(x) && can_be_divided(y))
            return {bounded(x / common), bounded(y / common)};
        const auto slow = exact_fractions<Exact>(a, b, c);  // of numbers that no double holds
        return {bounded(CGAL::to_double(slow.x / slow.common)),
                bounded(CGAL::to_double(slow.y / slow.common))};
    }

    template <class Number>
    struct Fractions {
        Number x, y, common;
    };

    template <class Number>
    Fractions<Number> exact_fractions(std::int32_t a, std::int32_t b, std::int32_t c) const {
        const Point p = sites_.position(a), q = sites_.position(b), r = sites_.position(c);
        const Number px(p.x), py(p.y);
        const Number qx = Number(q.x) - px, qy = Number(q.y) - py;
        const Number rx = Number(r.x) - px, ry = Number(r.y) - py;
        // Twice what they are in the formula above.
        const Number to_q = qx * qx + qy * qy + weight_gap<Number>(a, b);
        const Number to_r = rx * rx + ry * ry + weight_gap<Number>(a, c);
        const Number common = Number(2) * (qx * ry - qy * rx);  // positive: the predicates are exact
        return {px * common + (to_q * ry - to_r * qy), py * common + (qx * to_r - rx * to_q), common};
    }

    template <class Number>
    Number weight_gap(std::int32_t i, std::int32_t j) const {
        return (Number(sites_.weights[i]) - Number(sites_.weights[j])) +
               (Number(sites_.low_weights[i]) - Number(sites_.low_weights[j]));
    }

    static bool can_be_divided(double value) { return value == 0 || std::isnormal(value); }

    static double bounded(double value) {
        const double limit = 1e150;  // squares of coordinates must not overflow
        return std::max(-limit, std::min(limit, value));
    }

    WeightedSites sites_;
};

// Counts, then writes. Finite faces are numbered in order, and so are the vertices.
class DualDiagram {
public:
    explicit DualDiagram(const TriangulationFaces& faces) : faces_(faces), number_(faces.size(), -1) {
        StepwiseCheck interrupted;
        for (std::size_t f = 0; f < faces.size(); ++f) {
            interrupted.step();
            if (faces.is_finite(static_cast<std::int32_t>(f))) number_[f] = vertices_++;
        }
    }

    std::size_t number_of_vertices() const { return static_cast<std::size_t>(vertices_); }
    std::size_t number_of_edges() const {
        // Every edge of a triangulation of the sphere has two faces; those to infinity are as
        // many as the infinite faces.
        if (!faces_.planar()) return faces_.collinear_edges.size() / 2;
        return faces_.size() * 3 / 2 - (faces_.size() - number_of_vertices());
    }

    void write_vertices(const WeightedSites& sites, int threads, double* vertices) const {
        const PowerCentre power_centre(sites);
        parallel_for(faces_.size(), threads, [&](std::size_t begin, std::size_t end) {
            for (std::size_t f = begin; f < end; ++f) {
                if (number_[f] < 0) continue;
                const std::int32_t* c = &faces_.corners[3 * f];
                const Point centre = power_centre(c[0], c[1], c[2]);
                vertices[2 * number_[f]] = centre.x;
                vertices[2 * number_[f] + 1] = centre.y;
            }
        });
    }

    // Per edge: the sites on its left and right, and the vertices where it starts and ends, -1
    // at infinity. A face lies to the left of its side, hence at the end of the dual edge.
    void write_edges(std::int32_t* edge_sites, std::int32_t* edge_vertices) const {
        if (!faces_.planar()) {
            std::copy(faces_.collinear_edges.begin(), faces_.collinear_edges.end(), edge_sites);
            std::fill(edge_vertices, edge_vertices + faces_.collinear_edges.size(), -1);
            return;
        }
        StepwiseCheck interrupted;
        for (std::size_t f = 0; f < faces_.size(); ++f) {
            interrupted.step();
            for (int i = 0; i < 3; ++i) {
                const std::int32_t other = faces_.neighbors[3 * f + i];
                const std::int32_t left = faces_.corners[3 * f + next_corner(i)];
                const std::int32_t right = faces_.corners[3 * f + previous_corner(i)];
                if (other < static_cast<std::int32_t>(f) || left < 0 || right < 0) continue;
                *edge_sites++ = left;
                *edge_sites++ = right;
                *edge_vertices++ = number_[other];
                *edge_vertices++ = number_[f];
            }
        }
    }

private:
    const TriangulationFaces& faces_;
    std::vector<std::int32_t> number_;
    std::int32_t vertices_ = 0;
};

// The edges around each site, first those it is to the left of: offsets (sites + 1,) and edges
// (2 count,).
inline void edges_around_sites(const std::int32_t* edge_sites, std::size_t count, std::size_t sites,
                               std::int32_t* offsets, std::int32_t* edges) {
    std::fill(offsets, offsets + sites + 1, 0);
    for (std::size_t k = 0; k < 2 * count; ++k) ++offsets[edge_sites[k] + 1];
    for (std::size_t i = 0; i < sites; ++i) offsets[i + 1] += offsets[i];
    std::vector<std::int32_t> next(offsets, offsets + sites);
    for (std::size_t side = 0; side < 2; ++side)
        for (std::size_t e = 0; e < count; ++e)
            edges[next[edge_sites[2 * e + side]]++] = static_cast<std::int32_t>(e);
}

}  // namespace sdot::diagram
