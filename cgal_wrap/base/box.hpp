// Upright boxes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>

#include "base/geometry.hpp"

namespace sdot {

struct Box {  // empty until it includes something
    Point low{std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
    Point high{-std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};

    static Box around(const Point* points, std::size_t count) {
        Box box;
        for (std::size_t k = 0; k < count; ++k) box.include(points[k]);
        return box;
    }
    void include(Point p) {
        low = {std::min(low.x, p.x), std::min(low.y, p.y)};
        high = {std::max(high.x, p.x), std::max(high.y, p.y)};
    }
    void include(const Box& other) {
        include(other.low);
        include(other.high);
    }
    Point centre() const { return 0.5 * (low + high); }
    Point half_size() const { return 0.5 * (high - low); }
    bool meets(const Box& other) const {  // without branches: it is the inner loop of a search
        return (low.x <= other.high.x) & (other.low.x <= high.x) & (low.y <= other.high.y) &
               (other.low.y <= high.y);
    }
};

}  // namespace sdot
