// Is a polygon with holes simple, and which triangles is it made of? Decided by CGAL's exact predicates.
#pragma once

#include <CGAL/Box_intersection_d/Box_d.h>
#include <CGAL/Constrained_Delaunay_triangulation_2.h>
#include <CGAL/Exact_predicates_inexact_constructions_kernel.h>
#include <CGAL/Triangulation_vertex_base_with_info_2.h>
#include <CGAL/box_intersection_d.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace sdot::triangulation {

using PolygonKernel = CGAL::Exact_predicates_inexact_constructions_kernel;

// Corners of rings, one ring after the other.
struct PolygonRings {
    std::vector<PolygonKernel::Point_2> corners;
    std::vector<std::size_t> before, following;  // of each corner, along its ring

    // The corners of ring r are from offsets[r] on, up to offsets[r + 1].
    PolygonRings(const double* points, const std::int64_t* offsets, std::size_t rings) {
        for (std::size_t r = 0; r < rings; ++r) {
            const auto first = static_cast<std::size_t>(offsets[r]);
            const auto end = static_cast<std::size_t>(offsets[r + 1]);
            for (std::size_t k = first; k < end; ++k) {
                corners.emplace_back(points[2 * k], points[2 * k + 1]);
                before.push_back(k == first ? end - 1 : k - 1);
                following.push_back(k + 1 == end ? first : k + 1);
            }
        }
    }
};

// Whether side i, from corner i to the one after it, and side j meet other than at a common end.
inline bool sides_meet(const PolygonRings& rings, std::size_t i, std::size_t j) {
    const auto& corners = rings.corners;
    // Neighbours meet if one folds back on to the other.
    const auto folds = [&](std::size_t k) {
        const auto before = corners[rings.before[k]], at = corners[k],
                   after = corners[rings.following[k]];
        return CGAL::collinear(before, at, after) && CGAL::angle(before, at, after) == CGAL::ACUTE;
    };
    if (rings.following[i] == j) return folds(j);
    if (rings.following[j] == i) return folds(i);
    const PolygonKernel::Segment_2 one(corners[i], corners[rings.following[i]]);
    const PolygonKernel::Segment_2 other(corners[j], corners[rings.following[j]]);
    return CGAL::do_intersect(one, other);
}

// The first two sides of closed rings that meet, or (-1, -1).
inline std::pair<std::int64_t, std::int64_t> meeting_sides(const PolygonRings& rings) {
    using SideBox = CGAL::Box_intersection_d::Box_d<double, 2, CGAL::Box_intersection_d::ID_EXPLICIT>;
    struct Side : SideBox {
        Side(const CGAL::Bbox_2& box, std::size_t index) : SideBox(box), index(index) {}
        std::size_t index;
        std::size_t id() const { return index; }
    };
    const auto& corners = rings.corners;
    const std::size_t count = corners.size();
    std::vector<Side> sides;
    for (std::size_t k = 0; k < count; ++k)
        sides.emplace_back(corners[k].bbox() + corners[rings.following[k]].bbox(), k);
    const std::pair<std::size_t, std::size_t> none(count, count);
    auto first = none;
    CGAL::box_self_intersection_d(sides.begin(), sides.end(), [&](const Side& a, const Side& b) {
        const auto pair = std::minmax(a.index, b.index);
        const std::pair<std::size_t, std::size_t> found(pair.first, pair.second);
        if (found < first && sides_meet(rings, found.first, found.second)) first = found;
    });
    if (first == none) return {-1, -1};
    return {static_cast<std::int64_t>(first.first), static_cast<std::int64_t>(first.second)};
}

// Indices of the corners of the triangles, counter-clockwise, of the constrained Delaunay
// triangulation of a polygon: the first ring, without what is inside of the others.
inline std::vector<std::int64_t> polygon_triangles(const PolygonRings& rings) {
    using Vertex = CGAL::Triangulation_vertex_base_with_info_2<std::int64_t, PolygonKernel>;
    using Face = CGAL::Constrained_triangulation_face_base_2<PolygonKernel>;
    using Triangulation = CGAL::Constrained_Delaunay_triangulation_2<
        PolygonKernel, CGAL::Triangulation_data_structure_2<Vertex, Face>>;
    const std::size_t count = rings.corners.size();
    Triangulation triangulation;
    std::vector<Triangulation::Vertex_handle> vertices;
    auto hint = triangulation.infinite_vertex()->face();
    for (std::size_t k = 0; k < count; ++k) {
        vertices.push_back(triangulation.insert(rings.corners[k], hint));
        vertices.back()->info() = static_cast<std::int64_t>(k);
        hint = vertices.back()->face();
    }
    for (std::size_t k = 0; k < count; ++k)
        triangulation.insert_constraint(vertices[k], vertices[rings.following[k]]);
    // Every side leads from the outside, where infinity is, to the inside or back.
    using State = std::pair<Triangulation::Face_handle, bool>;
    std::vector<State> stack{{triangulation.infinite_face(), false}};
    CGAL::Unique_hash_map<Triangulation::Face_handle, bool> seen(false), inside(false);
    while (!stack.empty()) {
        const auto [face, is_inside] = stack.back();
        stack.pop_back();
        if (seen[face]) continue;
        seen[face] = true;
        inside[face] = is_inside;
        for (int side = 0; side < 3; ++side)
            stack.emplace_back(face->neighbor(side), is_inside != face->is_constrained(side));
    }
    std::vector<std::int64_t> triangles;
    for (const auto face : triangulation.finite_face_handles())
        if (inside[face])
            for (int corner = 0; corner < 3; ++corner)
                triangles.push_back(face->vertex(corner)->info());
    return triangles;
}

}  // namespace sdot::triangulation
