// Points of the plane at equal distances along both axes.
#pragma once

#include <algorithm>
#include <cstddef>

namespace sdot::entropic {

// The points first, first + step, ... of a grid along one axis.
struct UniformAxis {
    double first, step;
    std::size_t count;

    double operator[](std::size_t i) const { return first + step * static_cast<double>(i); }

    std::size_t nearest(double x) const {
        const double index = step > 0 ? (x - first) / step + 0.5 : 0.0;
        return static_cast<std::size_t>(
            std::min(std::max(index, 0.0), static_cast<double>(count - 1)));
    }
};

struct UniformGrid {
    UniformAxis x, y;

    std::size_t size() const { return x.count * y.count; }
};

}  // namespace sdot::entropic
