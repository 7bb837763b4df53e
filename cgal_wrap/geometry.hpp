// Points, bisectors and convex polygons in the plane.
#pragma once

#include <cmath>
#include <cstddef>
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

    Bisector(Point y_first, Point y_second, double w_first, double w_second)
        : first(y_first),
          normal(y_second - y_first),
          offset(0.5 * (dot(normal, normal) + (w_first - w_second))) {}

    // Negative inside the first site's half-plane.
    double side(Point x) const { return dot(x - first, normal) - offset; }

    // The point of the line closest to the first site, and the unit direction that
    // has the first site on its left.
    Point foot() const { return first + (offset / dot(normal, normal)) * normal; }
    Point direction() const {
        const double length = std::hypot(normal.x, normal.y);
        return {-normal.y / length, normal.x / length};
    }
};

using Polygon = std::vector<Point>;  // convex, counter-clockwise

// Sutherland-Hodgman: the part of `polygon` where `side` is not positive.
template <class Side>
void clip(const Polygon& polygon, const Side& side, Polygon& result) {
    result.clear();
    const std::size_t count = polygon.size();
    if (count == 0) return;
    Point previous = polygon[count - 1];
    double previous_side = side(previous);
    for (const Point& current : polygon) {
        const double current_side = side(current);
        if ((previous_side < 0 && current_side > 0) || (previous_side > 0 && current_side < 0)) {
            const double t = previous_side / (previous_side - current_side);
            result.push_back(previous + t * (current - previous));
        }
        if (current_side <= 0) result.push_back(current);
        previous = current;
        previous_side = current_side;
    }
}

}  // namespace sdot
