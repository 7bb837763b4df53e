// The order of points along a space-filling curve.
#pragma once

#include <CGAL/Hilbert_sort_median_2.h>
#include <CGAL/tags.h>

#include <cstddef>
#include <cstdint>
#include <numeric>

#include "base/interruption.hpp"

namespace sdot::triangulation {

// What CGAL's sort asks of points, here the numbers of positions: which of two comes first along an
// axis. It looks for Ctrl-C on the way.
class PositionOrder {
public:
    using Point_2 = std::int32_t;

    template <int Axis>
    struct Less {
        const double* positions;
        StepwiseCheck* interrupted;

        bool operator()(std::int32_t a, std::int32_t b) const {
            interrupted->step();
            return positions[2 * static_cast<std::size_t>(a) + Axis] <
                   positions[2 * static_cast<std::size_t>(b) + Axis];
        }
    };
    using Less_x_2 = Less<0>;
    using Less_y_2 = Less<1>;

    PositionOrder(const double* positions, StepwiseCheck& interrupted)
        : positions_(positions), interrupted_(&interrupted) {}

    Less_x_2 less_x_2_object() const { return {positions_, interrupted_}; }
    Less_y_2 less_y_2_object() const { return {positions_, interrupted_}; }

private:
    const double* positions_;
    StepwiseCheck* interrupted_;
};

// Writes the permutation that visits the positions along a Hilbert curve.
inline void hilbert_order(const double* positions, std::size_t count, std::int32_t* order) {
    StepwiseCheck interrupted;
    std::iota(order, order + count, 0);
    CGAL::Hilbert_sort_median_2<PositionOrder, CGAL::Sequential_tag> sort(
        PositionOrder(positions, interrupted));
    sort(order, order + count);
}

}  // namespace sdot::triangulation
