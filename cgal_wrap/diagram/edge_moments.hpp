// The mass, centroid and variance of a density along each edge of a diagram, for second derivatives.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

#include "base/geometry.hpp"
#include "base/moments.hpp"
#include "diagram/edges.hpp"

namespace sdot::diagram {

// In arrays that the caller has made.
struct EdgeMomentArrays {
    double *weights, *centroids, *spreads;  // (e,), (e, 2), (e,)

    // The integral over twice the sites' distance, the centroid, and the variance along the edge.
    void write(std::size_t e, const Moments& edge, Point normal) const {
        weights[e] = edge.mass / (2 * std::sqrt(dot(normal, normal)));
        centroids[2 * e] = edge.mean.x;
        centroids[2 * e + 1] = edge.mean.y;
        spreads[e] = edge.mass > 0 ? (edge.xx + edge.yy) / edge.mass : 0;
    }

    // The edge lies where the density jumps: it has one integral on the one side, and another on
    // the other.
    void write_jump(std::size_t e) const {
        weights[e] = std::numeric_limits<double>::quiet_NaN();
        centroids[2 * e] = centroids[2 * e + 1] = spreads[e] = 0;
    }
};

// Densities on both sides of an edge are the same if they differ by rounding.
inline bool is_jump(double one, double other) {
    return std::abs(one - other) > 1e-10 * (std::abs(one) + std::abs(other));
}

}  // namespace sdot::diagram
