// Convex polygons, counter-clockwise, one after the other in flat arrays.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/geometry.hpp"

namespace sdot {

struct ConvexPolygons {
    std::size_t count;
    const Point* points;
    const std::int64_t* offsets;  // count + 1

    const Point* corners(std::size_t i) const { return points + offsets[i]; }
    std::size_t size(std::size_t i) const {
        return static_cast<std::size_t>(offsets[i + 1] - offsets[i]);
    }
};

}  // namespace sdot
