// A triangulation of the plane as two flat arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sdot::triangulation {

// Face f has the corners corners[3f .. 3f + 2], counter-clockwise, and neighbors[3f + i] is the
// face across from corner i. Faces outside the hull have the corner kInfinity. The faces that a
// triangulation of collinear sites would have are left out: there are only the edges then.
struct TriangulationFaces {
    static constexpr std::int32_t kInfinity = -1;

    std::vector<std::int32_t> corners, neighbors;
    std::vector<std::int32_t> collinear_edges;  // pairs of sites
    std::vector<std::int32_t> hidden_sites;

    std::size_t size() const { return corners.size() / 3; }
    bool planar() const { return !corners.empty(); }

    bool is_finite(std::int32_t face) const {
        const std::int32_t* c = &corners[3 * face];
        return c[0] != kInfinity && c[1] != kInfinity && c[2] != kInfinity;
    }
    // The place (0, 1, 2) of a neighbour or corner in a face.
    int place_of_neighbor(std::int32_t face, std::int32_t neighbor) const {
        const std::int32_t* n = &neighbors[3 * face];
        return n[0] == neighbor ? 0 : n[1] == neighbor ? 1 : 2;
    }
};

inline int next_corner(int i) { return i == 2 ? 0 : i + 1; }
inline int previous_corner(int i) { return i == 0 ? 2 : i - 1; }

}  // namespace sdot::triangulation
