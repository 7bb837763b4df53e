// Weighted sites -> CGAL regular triangulation -> its dual, the power diagram, as flat arrays.
// The only file that includes CGAL.
#pragma once

#include <CGAL/Exact_predicates_inexact_constructions_kernel.h>
#include <CGAL/Exact_rational.h>
#include <CGAL/Regular_triangulation_2.h>
#include <CGAL/Spatial_sort_traits_adapter_2.h>
#include <CGAL/Triangulation_face_base_with_info_2.h>
#include <CGAL/Triangulation_vertex_base_with_info_2.h>
#include <CGAL/hilbert_sort.h>
#include <CGAL/property_map.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

namespace sdot {

using Kernel = CGAL::Exact_predicates_inexact_constructions_kernel;
using VertexBase =
    CGAL::Triangulation_vertex_base_with_info_2<std::int32_t, Kernel,
                                                CGAL::Regular_triangulation_vertex_base_2<Kernel>>;
using FaceBase =
    CGAL::Triangulation_face_base_with_info_2<std::int32_t, Kernel,
                                              CGAL::Regular_triangulation_face_base_2<Kernel>>;
using Triangulation =
    CGAL::Regular_triangulation_2<Kernel,
                                  CGAL::Triangulation_data_structure_2<VertexBase, FaceBase>>;

// Writes the permutation that visits the positions along a Hilbert curve.
inline void hilbert_order(const double* positions, std::size_t count, std::int32_t* order) {
    using Site = Kernel::Point_2;
    std::vector<Site> sites;
    sites.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
        sites.emplace_back(positions[2 * i], positions[2 * i + 1]);
    std::vector<std::size_t> indices(count);
    std::iota(indices.begin(), indices.end(), std::size_t{0});
    using Traits = CGAL::Spatial_sort_traits_adapter_2<Kernel, CGAL::Pointer_property_map<Site>::type>;
    CGAL::hilbert_sort(indices.begin(), indices.end(), Traits(CGAL::make_property_map(sites)),
                       CGAL::Hilbert_sort_middle_policy());
    std::copy(indices.begin(), indices.end(), order);
}

// a b - c d with an error of at most 1.5 ulp of the result's exact value (Kahan; Jeannerod,
// Louvet and Muller, Math. Comp. 2013).
inline double difference_of_products(double a, double b, double c, double d) {
    const double cd = c * d;
    const double error = std::fma(-c, d, cd);
    return std::fma(a, b, -cd) + error;
}

class RegularTriangulation {
public:
    // Inserts the sites in the given order: each starts its point location at the one
    // before it, so a space-filling order makes this near linear.
    void insert(const double* positions, const double* weights, const std::int32_t* order,
                std::size_t begin, std::size_t end) {
        for (std::size_t rank = begin; rank < end; ++rank) {
            const std::int32_t site = order[rank];
            const Kernel::Point_2 point(positions[2 * site], positions[2 * site + 1]);
            const auto vertex =
                triangulation_.insert(Kernel::Weighted_point_2(point, weights[site]), hint_);
            vertex->info() = site;
            hint_ = vertex->face();
        }
    }

    std::size_t number_of_faces() const {
        return triangulation_.dimension() == 2 ? triangulation_.number_of_faces() : 0;
    }

    std::size_t number_of_edges() const {
        const auto visible = triangulation_.number_of_vertices();
        if (triangulation_.dimension() == 2) return visible + number_of_faces() - 1;  // Euler
        return visible > 0 ? visible - 1 : 0;
    }

    std::size_t number_of_hidden_sites() const {
        return triangulation_.number_of_hidden_vertices();
    }

    // Numbers the faces and writes the power centre of each (number_of_faces x 2), with the
    // low parts of the weights, which the combinatorics leave out.
    void write_vertices(const double* low_weights, double* vertices) {
        for (auto face : triangulation_.all_face_handles()) face->info() = -1;
        if (triangulation_.dimension() < 2) return;
        std::int32_t number = 0;
        for (auto face : triangulation_.finite_face_handles()) {
            const int apex = opposite_longest_side(face);
            const auto p = face->vertex(apex), q = face->vertex(Triangulation::ccw(apex)),
                       r = face->vertex(Triangulation::cw(apex));
            power_centre(p->point(), q->point(), r->point(),
                         low_weights[p->info()] - low_weights[q->info()],
                         low_weights[p->info()] - low_weights[r->info()], vertices + 2 * number);
            face->info() = number++;
        }
    }

    // Per edge of the diagram: the sites on its left and right, and the vertices where it
    // starts and ends, -1 where it is unbounded. Call after write_vertices.
    void write_edges(std::int32_t* edge_sites, std::int32_t* edge_vertices) const {
        const bool planar = triangulation_.dimension() == 2;
        if (triangulation_.dimension() < 1) return;
        for (auto edge = triangulation_.finite_edges_begin();
             edge != triangulation_.finite_edges_end(); ++edge) {
            const auto face = edge->first;
            const int opposite = edge->second;
            // A face lies to the left of its edge ccw(i) -> cw(i), hence at the end of the dual edge.
            *edge_sites++ = face->vertex(Triangulation::ccw(opposite))->info();
            *edge_sites++ = face->vertex(Triangulation::cw(opposite))->info();
            *edge_vertices++ = planar ? face->neighbor(opposite)->info() : -1;
            *edge_vertices++ = planar ? face->info() : -1;
        }
    }

    void write_hidden_sites(std::int32_t* hidden) const {
        for (auto vertex = triangulation_.hidden_vertices_begin();
             vertex != triangulation_.hidden_vertices_end(); ++vertex)
            *hidden++ = vertex->info();
    }

private:
    using WeightedPoint = Kernel::Weighted_point_2;

    // Measured from this corner, two sites very close to each other show their exact distance.
    static int opposite_longest_side(Triangulation::Face_handle face) {
        int apex = 0;
        double longest = -1;
        for (int i = 0; i < 3; ++i) {
            const auto& a = face->vertex(Triangulation::ccw(i))->point();
            const auto& b = face->vertex(Triangulation::cw(i))->point();
            const double dx = a.x() - b.x(), dy = a.y() - b.y();
            const double length = dx * dx + dy * dy;
            if (length > longest) {
                longest = length;
                apex = i;
            }
        }
        return apex;
    }

    // Cramer's rule in coordinates relative to the first site. With correctly rounded
    // determinants the only error left is that of the right-hand sides, so the vertex
    // lies on its three bisectors to rounding even when the triangle is a sliver.
    static void power_centre(const WeightedPoint& p, const WeightedPoint& q,
                             const WeightedPoint& r, double low_pq, double low_pr,
                             double* centre) {
        const double ax = q.x() - p.x(), ay = q.y() - p.y();
        const double bx = r.x() - p.x(), by = r.y() - p.y();
        const double common = difference_of_products(ax, by, ay, bx);
        // Past this the rounding of the differences themselves decides the determinant.
        if (std::abs(common) < 1e-10 * std::hypot(ax, ay) * std::hypot(bx, by)) {
            exact_power_centre(p, q, r, low_pq, low_pr, centre);
            return;
        }
        const double a = 0.5 * (ax * ax + ay * ay + ((p.weight() - q.weight()) + low_pq));
        const double b = 0.5 * (bx * bx + by * by + ((p.weight() - r.weight()) + low_pr));
        centre[0] = p.x() + difference_of_products(a, by, b, ay) / common;
        centre[1] = p.y() + difference_of_products(ax, b, bx, a) / common;
    }

    static void exact_power_centre(const WeightedPoint& p, const WeightedPoint& q,
                                   const WeightedPoint& r, double low_pq, double low_pr,
                                   double* centre) {
        using Exact = CGAL::Exact_rational;
        const Exact px(p.x()), py(p.y()), pw(p.weight());
        const Exact ax = Exact(q.x()) - px, ay = Exact(q.y()) - py;
        const Exact bx = Exact(r.x()) - px, by = Exact(r.y()) - py;
        const Exact a = (ax * ax + ay * ay + pw - Exact(q.weight()) + Exact(low_pq)) / 2;
        const Exact b = (bx * bx + by * by + pw - Exact(r.weight()) + Exact(low_pr)) / 2;
        const Exact common = ax * by - ay * bx;  // positive: the predicates are exact
        centre[0] = finite_double(px + (a * by - b * ay) / common);
        centre[1] = finite_double(py + (ax * b - bx * a) / common);
    }

    static double finite_double(const CGAL::Exact_rational& value) {
        const double limit = 1e150;  // squares of coordinates must not overflow
        return std::max(-limit, std::min(limit, CGAL::to_double(value)));
    }

    Triangulation triangulation_;
    Triangulation::Face_handle hint_;
};

}  // namespace sdot
