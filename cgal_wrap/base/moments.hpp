// Mass, mean and second moments of parts of a density, and Gauss rules on convex polygons.
#pragma once

#include <cstddef>
#include <limits>

#include "base/gauss_rules.hpp"
#include "base/geometry.hpp"

namespace sdot {

// Mass, mean and central second moments of a part of the density, mergeable
// (Chan, Golub and LeVeque, 1979).
struct Moments {
    double mass = 0;
    Point mean{0, 0};
    double xx = 0, xy = 0, yy = 0;

    void merge(const Moments& other) {
        const double total = mass + other.mass;
        if (total == 0) return;
        const Point gap = other.mean - mean;
        const double share = other.mass / total, spread = mass * share;
        mean = mean + share * gap;
        xx += other.xx + spread * gap.x * gap.x;
        xy += other.xy + spread * gap.x * gap.y;
        yy += other.yy + spread * gap.y * gap.y;
        mass = total;
    }
};

// Moments about an origin, from which the central ones follow.
struct RawMoments {
    Point origin{0, 0};
    double mass = 0;
    Point first{0, 0};
    double xx = 0, xy = 0, yy = 0;

    void add(Point r, double weight) {
        mass += weight;
        first = first + weight * r;
        xx += weight * r.x * r.x;
        xy += weight * r.x * r.y;
        yy += weight * r.y * r.y;
    }

    Moments central() const {
        if (!(mass > 0)) return {};
        const Point mean = (1 / mass) * first;
        return {mass, origin + mean, xx - mass * mean.x * mean.x, xy - mass * mean.x * mean.y,
                yy - mass * mean.y * mean.y};
    }
};

// The moments of cells one after the other, in arrays that the caller has made.
struct MomentArrays {
    double *masses, *centroids, *second_moments;  // (n,), (n, 2), and (n, 3) for xx, xy, yy

    void write(std::size_t i, const Moments& cell) const {
        const double undefined = std::numeric_limits<double>::quiet_NaN();
        masses[i] = cell.mass;
        centroids[2 * i] = cell.mass > 0 ? cell.mean.x : undefined;
        centroids[2 * i + 1] = cell.mass > 0 ? cell.mean.y : undefined;
        second_moments[3 * i] = cell.xx;
        second_moments[3 * i + 1] = cell.xy;
        second_moments[3 * i + 2] = cell.yy;
    }
};

// Moments of the uniform density 1 on a convex polygon.
inline RawMoments polygon_raw_moments(const Point* corners, std::size_t count) {
    RawMoments sums;
    if (count == 0) return sums;
    sums.origin = corners[0];
    for (std::size_t k = 1; k + 1 < count; ++k) {
        const Point a = corners[k] - corners[0], b = corners[k + 1] - corners[0];
        const double twice = cross(a, b);
        sums.mass += twice / 2;
        sums.first = sums.first + (twice / 6) * (a + b);
        sums.xx += twice / 12 * (a.x * a.x + a.x * b.x + b.x * b.x);
        sums.yy += twice / 12 * (a.y * a.y + a.y * b.y + b.y * b.y);
        sums.xy += twice / 24 * (2 * a.x * a.y + a.x * b.y + b.x * a.y + 2 * b.x * b.y);
    }
    return sums;
}

// Calls visit(point, weight) for the nodes of a rule on a convex polygon: a fan of triangles
// (apex, a, b), each the image of the unit square by x = apex + r (a + u (b - a)) with Jacobian
// r cross(a, b).
template <class Visit>
void polygon_nodes(const Polygon& polygon, const GaussRule& rule, const Visit& visit) {
    for (std::size_t k = 1; k + 1 < polygon.size(); ++k) {
        const Point a = polygon[k] - polygon[0], b = polygon[k + 1] - polygon[0];
        const double jacobian = cross(a, b);
        if (!(jacobian > 0)) continue;
        for (int g = 0; g < rule.count; ++g)
            for (int h = 0; h < rule.count; ++h)
                visit(polygon[0] + rule.nodes[g] * (a + rule.nodes[h] * (b - a)),
                      rule.weights[g] * rule.weights[h] * rule.nodes[g] * jacobian);
    }
}

}  // namespace sdot
