// Boxes around the cells of a power diagram.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace sdot::diagram {

// Of each cell the least x and y of its vertices, and the greatest, in boxes[4 * site]; infinite
// where it is open, and from infinity to minus infinity if the site has no edge.
inline void cell_boxes(const double* vertices, const std::int32_t* edge_sites,
                       const std::int32_t* edge_vertices, std::size_t edges, std::size_t sites,
                       double* boxes) {
    const double infinity = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < 4 * sites; ++i) boxes[i] = i % 4 < 2 ? infinity : -infinity;
    for (std::size_t e = 0; e < edges; ++e) {
        const std::int32_t start = edge_vertices[2 * e], end = edge_vertices[2 * e + 1];
        const bool is_open = start < 0 || end < 0;
        for (int side = 0; side < 2; ++side) {
            double* box = boxes + 4 * static_cast<std::size_t>(edge_sites[2 * e + side]);
            for (int axis = 0; axis < 2; ++axis) {
                double low = -infinity, high = infinity;
                if (!is_open) {
                    low = std::min(vertices[2 * start + axis], vertices[2 * end + axis]);
                    high = std::max(vertices[2 * start + axis], vertices[2 * end + axis]);
                }
                box[axis] = std::min(box[axis], low);
                box[2 + axis] = std::max(box[2 + axis], high);
            }
        }
    }
}

}  // namespace sdot::diagram
