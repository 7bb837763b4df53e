// What is left of a disc beyond a chord: its area, and Gauss rules on it and along its arc.
#pragma once

#include <cmath>
#include <cstddef>

#include "base/gauss_rules.hpp"
#include "base/geometry.hpp"
#include "base/moments.hpp"

namespace sdot {

// Wider arcs are split: six caps and a hexagon are a disc.
constexpr double kWidestHalfAngle = 0.52359877559829887;  // pi / 6
constexpr double kWholeCircle = 6 * kWidestHalfAngle;       // as a half-angle

// 1 - u / d1 (1 - u / d2 (...)).
template <int First, int... Rest>
inline double nested_series(double u) {
    if constexpr (sizeof...(Rest) == 0) return 1 - u * (1.0 / First);
    else return 1 - u * (1.0 / First) * nested_series<Rest...>(u);
}

// Sine and cosine of an angle up to pi / 6.
inline double small_sine(double x) {
    return x * nested_series<6, 20, 42, 72, 110, 156, 210>(x * x);
}
inline double small_cosine(double x) {
    return nested_series<2, 12, 30, 56, 90, 132, 182>(x * x);
}

// Between the chord and the arc of a circle.
struct Cap {
    Point middle, axis;         // of the chord, and the unit vector from it to the arc's middle
    double radius, half_angle;  // of the arc, seen from its centre: up to kWidestHalfAngle, and for
                                // the area only, up to pi

    // The point at a height above the chord and a distance along it from its middle.
    Point at(double height, double along) const {
        return {middle.x + height * axis.x - along * axis.y,
                middle.y + height * axis.y + along * axis.x};
    }

    // r^2 / 2 (t - sin t) for the whole angle t; the series loses nothing where t is small.
    double area() const {
        const double t = 2 * half_angle, u = t * t;
        if (half_angle > kWidestHalfAngle) return 0.5 * radius * radius * (t - std::sin(t));
        return radius * radius * t * u * (1.0 / 12) *
               nested_series<20, 42, 72, 110, 156, 210, 272, 342>(u);
    }
};

// Calls visit(angle from the axis as its sine and cosine, height of the arc over the chord, weight)
// for the nodes of a rule for the angle.
//
// With a the half-angle and x, 1 - x the shares of the angle on either side, the height is
// r (cos(a (2 x - 1)) - cos a) = 2 r sin(a x) sin(a (1 - x)).
template <class Visit>
void cap_angles(const Cap& cap, const GaussRule& rule, const Visit& visit) {
    const double a = cap.half_angle, sine = small_sine(a), cosine = small_cosine(a);
    for (int g = 0; g < rule.count; ++g) {
        const double s = small_sine(a * rule.nodes[g]), c = small_cosine(a * rule.nodes[g]);
        const double other_s = sine * c - cosine * s, other_c = cosine * c + sine * s;
        visit(s * other_c - c * other_s, c * other_c + s * other_s, 2 * cap.radius * s * other_s,
              2 * a * rule.weights[g]);
    }
}

// Rules for integrals over the parts of a cut polygon: `inner` is exact for the polynomial times a
// coordinate; `outer` has those for the angle along an arc, where nothing is a polynomial but errors
// decay faster than exponentially. The first `count` are for arcs of kWidestHalfAngle; short ones
// take a few nodes less (seen on all monomials that are at most one on a cap's chord).
struct CutRules {
    GaussRule inner;
    GaussRules outer;
    int count;

    GaussRule along(const Cap& cap) const {
        const double a = cap.half_angle;
        return outer.with(count - (a < 0.3) - (a < 0.2) - (a < 0.05) - (a < 0.02));
    }
};

// Calls visit(point, weight) for the nodes on a part of a cut polygon.
template <class Visit>
void region_nodes(const Polygon& polygon, const CutRules& rules, const Visit& visit) {
    polygon_nodes(polygon, rules.inner, visit);
}

// In columns from the chord to the arc.
template <class Visit>
void region_nodes(const Cap& cap, const CutRules& rules, const Visit& visit) {
    cap_angles(cap, rules.along(cap), [&](double s, double c, double height, double weight) {
        const double along = cap.radius * s, column = weight * cap.radius * c * height;
        for (int h = 0; h < rules.inner.count; ++h)
            visit(cap.at(rules.inner.nodes[h] * height, along), rules.inner.weights[h] * column);
    });
}

inline double region_area(const Cap& cap) { return cap.area(); }

inline double region_area(const Polygon& polygon) {
    double twice = 0;
    for (std::size_t k = 1; k + 1 < polygon.size(); ++k)
        twice += cross(polygon[k] - polygon[0], polygon[k + 1] - polygon[0]);
    return 0.5 * twice;
}

// Calls visit(point, angle) for the nodes along the arc; angles sum up to that of the arc.
template <class Visit>
void arc_nodes(const Cap& cap, const CutRules& rules, const Visit& visit) {
    cap_angles(cap, rules.along(cap), [&](double s, double, double height, double weight) {
        visit(cap.at(height, cap.radius * s), weight);
    });
}

}  // namespace sdot
