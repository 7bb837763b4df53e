// Is a polygon simple, and which triangles is it made of? Decided by CGAL's exact predicates.
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
using PolygonCorners = std::vector<PolygonKernel::Point_2>;

inline PolygonCorners polygon_corners(const double* points, std::size_t count) {
    PolygonCorners corners;
    for (std::size_t k = 0; k < count; ++k) corners.emplace_back(points[2 * k], points[2 * k + 1]);
    return corners;
}

// Whether side i, from corner i to the next one, and side j > i meet other than at a common end.
inline bool sides_meet(const PolygonCorners& corners, std::size_t i, std::size_t j) {
    const std::size_t count = corners.size();
    const auto corner = [&](std::size_t k) { return corners[k % count]; };
    // Neighbours meet if one folds back on to the other.
    const auto folds = [&](std::size_t k) {
        const auto before = corner(k + count - 1), at = corner(k), after = corner(k + 1);
        return CGAL::collinear(before, at, after) && CGAL::angle(before, at, after) == CGAL::ACUTE;
    };
    if (j == i + 1) return folds(j);
    if (i == 0 && j + 1 == count) return folds(0);
    const PolygonKernel::Segment_2 one(corner(i), corner(i + 1)), other(corner(j), corner(j + 1));
    return CGAL::do_intersect(one, other);
}

// The first two sides of a closed polygon that meet, or (-1, -1).
inline std::pair<std::int64_t, std::int64_t> meeting_sides(const double* points, std::size_t count) {
    using SideBox = CGAL::Box_intersection_d::Box_d<double, 2, CGAL::Box_intersection_d::ID_EXPLICIT>;
    struct Side : SideBox {
        Side(const CGAL::Bbox_2& box, std::size_t index) : SideBox(box), index(index) {}
        std::size_t index;
        std::size_t id() const { return index; }
    };
    const PolygonCorners corners = polygon_corners(points, count);
    std::vector<Side> sides;
    for (std::size_t k = 0; k < count; ++k)
        sides.emplace_back(corners[k].bbox() + corners[(k + 1) % count].bbox(), k);
    const std::pair<std::size_t, std::size_t> none(count, count);
    auto first = none;
    CGAL::box_self_intersection_d(sides.begin(), sides.end(), [&](const Side& a, const Side& b) {
        const auto pair = std::minmax(a.index, b.index);
        const std::pair<std::size_t, std::size_t> found(pair.first, pair.second);
        if (found < first && sides_meet(corners, found.first, found.second)) first = found;
    });
    if (first == none) return {-1, -1};
    return {static_cast<std::int64_t>(first.first), static_cast<std::int64_t>(first.second)};
}

// Indices of the corners of the triangles, counter-clockwise, of the constrained Delaunay
// triangulation of a simple polygon.
inline std::vector<std::int64_t> polygon_triangles(const double* points, std::size_t count) {
    using Vertex = CGAL::Triangulation_vertex_base_with_info_2<std::int64_t, PolygonKernel>;
    using Face = CGAL::Constrained_triangulation_face_base_2<PolygonKernel>;
    using Triangulation = CGAL::Constrained_Delaunay_triangulation_2<
        PolygonKernel, CGAL::Triangulation_data_structure_2<Vertex, Face>>;
    const PolygonCorners corners = polygon_corners(points, count);
    Triangulation triangulation;
    std::vector<Triangulation::Vertex_handle> vertices;
    auto hint = triangulation.infinite_vertex()->face();
    for (std::size_t k = 0; k < count; ++k) {
        vertices.push_back(triangulation.insert(corners[k], hint));
        vertices.back()->info() = static_cast<std::int64_t>(k);
        hint = vertices.back()->face();
    }
    for (std::size_t k = 0; k < count; ++k)
        triangulation.insert_constraint(vertices[k], vertices[(k + 1) % count]);
    // Outside is what can be reached from infinity without crossing a side.
    std::vector<Triangulation::Face_handle> stack{triangulation.infinite_face()};
    CGAL::Unique_hash_map<Triangulation::Face_handle, bool> outside(false);
    while (!stack.empty()) {
        const auto face = stack.back();
        stack.pop_back();
        if (outside[face]) continue;
        outside[face] = true;
        for (int side = 0; side < 3; ++side)
            if (!face->is_constrained(side)) stack.push_back(face->neighbor(side));
    }
    std::vector<std::int64_t> triangles;
    for (const auto face : triangulation.finite_face_handles())
        if (!outside[face])
            for (int corner = 0; corner < 3; ++corner)
                triangles.push_back(face->vertex(corner)->info());
    return triangles;
}

}  // namespace sdot::triangulation
