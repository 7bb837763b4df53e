// Points, bisectors and convex polygons in the plane.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sdot {

struct Point {
    double x, y;
};

inline Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }
inline Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
inline Point operator*(double s, Point a) { return {s * a.x, s * a.y}; }
inline double dot(Point a, Point b) { return a.x * b.x + a.y * b.y; }
inline double cross(Point a, Point b) { return a.x * b.y - a.y * b.x; }

// The line between the power cells of two sites: { x : (x - first) . normal = offset },
// where `normal` points from the first site to the second.
struct Bisector {
    Point first, normal;
    double offset;

    // `weight_gap`: the first site's weight minus the second's.
    Bisector(Point y_first, Point y_second, double weight_gap)
        : first(y_first),
          normal(y_second - y_first),
          offset(0.5 * (dot(normal, normal) + weight_gap)) {}

    // Negative inside the first site's half-plane.
    double side(Point x) const { return dot(x - first, normal) - offset; }

    // The unit direction that has the first site on its left.
    Point direction() const {
        const double length = std::hypot(normal.x, normal.y);
        return {-normal.y / length, normal.x / length};
    }
};

// Sites and their weights. A weight is the unevaluated sum of two doubles: sites close to each
// other need differences of weights finer than an ulp of the weights themselves.
struct WeightedSites {
    std::size_t count;
    const double *positions, *weights, *low_weights;

    Point position(std::int32_t i) const { return {positions[2 * i], positions[2 * i + 1]}; }
    double weight_gap(std::int32_t i, std::int32_t j) const {
        return (weights[i] - weights[j]) + (low_weights[i] - low_weights[j]);
    }
    Bisector bisector(std::int32_t i, std::int32_t j) const {
        return {position(i), position(j), weight_gap(i, j)};
    }
};

using Polygon = std::vector<Point>;  // convex, counter-clockwise

// Sutherland-Hodgman: the part of a polygon where `sign * side` is not positive. A crossing has the
// same bits whatever the sign and the sense in which its side of the polygon runs, so that what
// is cut apart fits together.
template <class Side>
void clip(const Point* corners, std::size_t count, const Side& side, Polygon& result,
          double sign = 1) {
    result.clear();
    if (count == 0) return;
    Point previous = corners[count - 1];
    double previous_side = side(previous);
    for (std::size_t k = 0; k < count; ++k) {
        const Point current = corners[k];
        const double current_side = side(current);
        if (previous_side < 0 && current_side > 0)
            result.push_back(previous + (previous_side / (previous_side - current_side)) *
                                            (current - previous));
        else if (previous_side > 0 && current_side < 0)
            result.push_back(current + (current_side / (current_side - previous_side)) *
                                           (previous - current));
        if (sign * current_side <= 0) result.push_back(current);
        previous = current;
        previous_side = current_side;
    }
}

template <class Side>
void clip(const Polygon& polygon, const Side& side, Polygon& result, double sign = 1) {
    clip(polygon.data(), polygon.size(), side, result, sign);
}

}  // namespace sdot
