// Weighted sites -> CGAL regular triangulation, and its exact predicates.
#pragma once

#include <CGAL/Regular_triangulation_2.h>
#include <CGAL/Triangulation_face_base_with_info_2.h>
#include <CGAL/Triangulation_vertex_base_with_info_2.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/geometry.hpp"
#include "base/interruption.hpp"
#include "triangulation/faces.hpp"
#include "triangulation/power_test.hpp"

namespace sdot::triangulation {

inline WeightedSite weighted_site(const WeightedSites& sites, std::int32_t i) {
    return {{sites.positions[2 * i], sites.positions[2 * i + 1]},
            sites.weights[i],
            sites.low_weights[i]};
}

// Exact answers about weighted sites.
class SitePredicates {
public:
    explicit SitePredicates(const WeightedSites& sites) : sites_(sites) {}

    bool counterclockwise(std::int32_t a, std::int32_t b, std::int32_t c) const {
        return orientation_(site(a).point(), site(b).point(), site(c).point()) == CGAL::LEFT_TURN;
    }
    // Whether d, seen from the face (a, b, c), says that the face is not regular.
    bool conflicts(std::int32_t a, std::int32_t b, std::int32_t c, std::int32_t d) const {
        return PowerSide()(site(a), site(b), site(c), site(d)) == CGAL::ON_POSITIVE_SIDE;
    }

private:
    WeightedSite site(std::int32_t i) const { return weighted_site(sites_, i); }

    WeightedSites sites_;
    Kernel::Orientation_2 orientation_ = Kernel().orientation_2_object();
};

class RegularTriangulation {
public:
    // Inserts sites in the given order: each starts its point location at the one before it,
    // so a space-filling order makes this near linear.
    void insert(const WeightedSites& sites, const std::int32_t* order, std::size_t begin,
                std::size_t end) {
        for (std::size_t rank = begin; rank < end; ++rank) {
            const std::int32_t site = order[rank];
            const std::size_t before = number_of_sites();
            const auto vertex = triangulation_.insert(weighted_site(sites, site), hint_);
            hint_ = vertex->face();
            if (number_of_sites() > before) {
                vertex->info() = site;
            } else {  // as heavy as another site at the same place: the first of them has the cell
                duplicates_.push_back(std::max(vertex->info(), site));
                vertex->info() = std::min(vertex->info(), site);
            }
        }
    }

    TriangulationFaces faces() {
        TriangulationFaces result;
        result.hidden_sites = duplicates_;
        if (triangulation_.dimension() == 2) write_faces(result);
        if (triangulation_.dimension() == 1)
            for (auto edge : triangulation_.finite_edges()) {
                result.collinear_edges.push_back(edge.first->vertex(0)->info());
                result.collinear_edges.push_back(edge.first->vertex(1)->info());
            }
        for (auto vertex = triangulation_.hidden_vertices_begin();
             vertex != triangulation_.hidden_vertices_end(); ++vertex)
            result.hidden_sites.push_back(vertex->info());
        return result;
    }

private:
    using VertexBase = CGAL::Triangulation_vertex_base_with_info_2<
        std::int32_t, PowerTestKernel, CGAL::Regular_triangulation_vertex_base_2<PowerTestKernel>>;
    using FaceBase = CGAL::Triangulation_face_base_with_info_2<
        std::int32_t, PowerTestKernel, CGAL::Regular_triangulation_face_base_2<PowerTestKernel>>;
    using Triangulation =
        CGAL::Regular_triangulation_2<PowerTestKernel,
                                      CGAL::Triangulation_data_structure_2<VertexBase, FaceBase>>;

    std::size_t number_of_sites() const {
        return triangulation_.number_of_vertices() + triangulation_.number_of_hidden_vertices();
    }

    void write_faces(TriangulationFaces& result) {
        StepwiseCheck interrupted;
        std::int32_t number = 0;
        for (auto face : triangulation_.all_face_handles()) {
            interrupted.step();
            face->info() = number++;
        }
        result.corners.reserve(3 * number);
        result.neighbors.reserve(3 * number);
        for (auto face : triangulation_.all_face_handles()) {
            interrupted.step();
            for (int i = 0; i < 3; ++i) {
                result.corners.push_back(triangulation_.is_infinite(face->vertex(i))
                                             ? TriangulationFaces::kInfinity
                                             : face->vertex(i)->info());
                result.neighbors.push_back(face->neighbor(i)->info());
            }
        }
    }

    Triangulation triangulation_;
    Triangulation::Face_handle hint_;
    std::vector<std::int32_t> duplicates_;
};

}  // namespace sdot::triangulation
