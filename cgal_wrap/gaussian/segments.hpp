// Integrals of the standard normal density along segments and over convex polygons.
//
// The mass of a polygon is a flux through its sides: the density g = exp(-r^2/2) / (2 pi) is the
// divergence of
//
//     z (1 - exp(-r^2/2)) / (2 pi r^2)    everywhere, and of
//     -z exp(-r^2/2) / (2 pi r^2)         away from the mean.
//
// The second is as small as the density itself, so that polygons in the far tail keep their
// relative accuracy; the first is smooth at the mean. (Along a line at distance h the second
// integrates to Owen's T function of h and the ends' t / h; math page.) Segments are cut into
// pieces on which a Gauss rule is exact to rounding; what lies so far away that the density there
// is below 1e-17 of that in the rest of the polygon contributes, of the first field, an angle.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/gauss_rules.hpp"
#include "base/geometry.hpp"
#include "gaussian/mixture.hpp"

namespace sdot::gaussian {

// The nodes needed on a piece grow with its length, and with how often the density falls by a
// factor e along it. Found by comparison with many nodes, for both fields and the density, with a
// margin.
constexpr double kRoughestPiece = 2.0;
constexpr int kMostNodes = 12;

inline int nodes_needed(double roughness) {
    if (roughness < 0.02) return 3;
    if (roughness < 0.08) return 4;
    if (roughness < 0.2) return 5;
    if (roughness < 0.4) return 6;
    if (roughness < 0.8) return 8;
    return 10;
}

inline double squared_roughness(Point a, Point b) {
    const Point d = b - a;
    const double at_a = dot(a, d), at_b = dot(b, d);
    return std::max({dot(d, d), at_a * at_a, at_b * at_b});
}

// Of the segment from the mean, in whitened coordinates.
inline double squared_distance(Point a, Point b) {
    const Point d = b - a;
    const double dd = dot(d, d);
    const double t = dd > 0 ? std::max(0.0, std::min(1.0, -dot(a, d) / dd)) : 0.0;
    const Point foot = a + t * d;
    return dot(foot, foot);
}

// What is integrated: a function without singularities, or the far field with its pole at the mean,
// that is at the distance of the segment times i in the complex plane. A rule of k nodes loses
// (h + sqrt(h^2 + 1))^-2k, h that distance in halves of the segment, and so is exact to rounding up
// to this share of the squared distance.
enum class Field { kSmooth, kFar };
constexpr double kLongestFar = 0.3;
// Closer to the mean than this the far field is too rough.
constexpr double kNear = 1.5;

inline bool is_too_long(Point a, Point b, Field field) {
    const Point d = b - a;
    const double squared = dot(d, d);
    return field == Field::kFar && squared > kLongestFar * kNear * kNear &&
           squared > kLongestFar * squared_distance(a, b);
}

// Calls visit(z, weight) for the nodes of the segment from a to b; the weights sum to `share`. The
// digits of a rule are in proportion to its nodes, and `digits` is the part of them that is needed.
template <class Visit>
void visit_segment(const GaussRules& rules, Point a, Point b, double share, const Visit& visit,
                   double digits = 1, Field field = Field::kSmooth) {
    const double squared = squared_roughness(a, b);
    if (squared > kRoughestPiece * kRoughestPiece || is_too_long(a, b, field)) {
        const Point middle = 0.5 * (a + b);
        visit_segment(rules, a, middle, 0.5 * share, visit, digits, field);
        visit_segment(rules, middle, b, 0.5 * share, visit, digits, field);
        return;
    }
    const int nodes = nodes_needed(std::sqrt(squared));
    const GaussRule rule = rules.with(static_cast<int>(std::ceil(nodes * digits)));
    const Point d = b - a;
    for (int g = 0; g < rule.count; ++g) visit(a + rule.nodes[g] * d, share * rule.weights[g]);
}

// The part begin <= t <= end of the segment a + t d inside the disc of squared radius r2.
inline bool cut_to_disc(Point a, Point d, double r2, double& begin, double& end) {
    begin = 0;
    end = 1;
    const Point b = a + d;
    if (dot(a, a) <= r2 && dot(b, b) <= r2) return true;
    const double dd = dot(d, d), middle = -dot(a, d) / dd;
    const double height = cross(a, d);
    const double half2 = (r2 - height * height / dd) / dd;
    if (!(half2 > 0)) return false;
    const double half = std::sqrt(half2);
    begin = std::max(0.0, middle - half);
    end = std::min(1.0, middle + half);
    return begin < end;
}

// What is below exp(-40) = 4e-18 of the greatest density is left out: r^2 counts up to so much more
// than its least value.
constexpr double kReach = 80;

// (1 - g) / r2 for g = exp(-r2 / 2)
inline double smooth_field(double r2, double g) {
    if (r2 > 0.5) return (1 - g) / r2;
    return r2 > 0 ? -std::expm1(-0.5 * r2) / r2 : 0.5;
}

// The convex polygon, counter-clockwise, in whitened coordinates.
class WhitenedPolygon {
public:
    void assign(const Gaussian& component, const Point* corners, std::size_t count) {
        corners_.clear();
        Box box;
        double farthest = 0;
        for (std::size_t k = 0; k < count; ++k) {
            const Point z = component.whiten(corners[k]);
            corners_.push_back(z);
            box.include(z);
            farthest = std::max(farthest, dot(z, z));
        }
        farthest_ = std::sqrt(farthest);
        diameter_ = std::sqrt(dot(box.high - box.low, box.high - box.low));
        squared_distance_ = from_the_mean();
        reach_ = kReach;
    }

    // For a component that is a small part of what the polygon holds less counts.
    void limit_reach(double reach) { reach_ = std::min(kReach, reach); }

    const Polygon& corners() const { return corners_; }
    // From the mean; zero if that is inside.
    double squared_distance() const { return squared_distance_; }

    double diameter() const { return diameter_; }  // an upper bound
    // The greatest number of e-foldings across the polygon.
    double roughness() const { return diameter_ * std::max(1.0, farthest_); }

    double mass(const GaussRules& rules) const {
        if (squared_distance_ > kUnderflow) return 0;
        const bool near = squared_distance_ < kNear * kNear;
        double flux = 0;
        for_each_side([&](Point a, Point b) {
            // Always in the same sense, for the two polygons that share a side to agree on it.
            const bool forward = a.x != b.x ? a.x < b.x : a.y < b.y;
            if (!forward) std::swap(a, b);
            const double through = near ? near_flux(rules, a, b) : far_flux(rules, a, b);
            flux += forward ? through : -through;
        });
        return flux / kTwoPi;
    }

    // Calls visit(z, side, weight) along all sides, where the density counts.
    template <class Visit>
    void visit_sides(const GaussRules& rules, const Visit& visit) const {
        for_each_side([&](Point a, Point b) {
            const Point d = b - a;
            double begin, end;
            if (squared_distance_ > kUnderflow ||
                !cut_to_disc(a, d, squared_distance_ + reach_, begin, end))
                return;
            visit_segment(rules, begin > 0 ? a + begin * d : a, end < 1 ? a + end * d : b,
                          end - begin, [&](Point z, double weight) { visit(z, d, weight); });
        });
    }

private:
    template <class Visit>
    void for_each_side(const Visit& visit) const {
        for (std::size_t k = 0; k < corners_.size(); ++k)
            visit(corners_[k], corners_[k + 1 < corners_.size() ? k + 1 : 0]);
    }

    double from_the_mean() const {
        bool inside = true;
        double nearest = std::numeric_limits<double>::infinity();
        for_each_side([&](Point a, Point b) {
            if (cross(a, b - a) < 0) inside = false;
            nearest = std::min(nearest, gaussian::squared_distance(a, b));
        });
        return inside ? 0.0 : nearest;
    }

    double far_flux(const GaussRules& rules, Point a, Point b) const {
        const Point d = b - a;
        const double moment = cross(a, d);
        double begin, end, sum = 0;
        if (moment == 0 || !cut_to_disc(a, d, squared_distance_ + reach_, begin, end)) return 0;
        visit_segment(rules, begin > 0 ? a + begin * d : a, end < 1 ? a + end * d : b, end - begin,
                      [&](Point z, double weight) {
                          const double r2 = dot(z, z);
                          sum += weight * std::exp(-0.5 * r2) / r2;
                      }, 1, Field::kFar);
        return -moment * sum;
    }

    double near_flux(const GaussRules& rules, Point a, Point b) const {
        const Point d = b - a;
        const double moment = cross(a, d);
        if (moment == 0) return 0;
        double begin, end;
        if (!cut_to_disc(a, d, squared_distance_ + reach_, begin, end)) return angle(a, b);
        const Point from = begin > 0 ? a + begin * d : a, to = end < 1 ? a + end * d : b;
        double sum = 0;
        visit_segment(rules, from, to, end - begin, [&](Point z, double weight) {
            const double r2 = dot(z, z);
            sum += weight * smooth_field(r2, std::exp(-0.5 * r2));
        });
        double flux = moment * sum;
        if (begin > 0) flux += angle(a, from);
        if (end < 1) flux += angle(to, b);
        return flux;
    }

    static double angle(Point a, Point b) { return std::atan2(cross(a, b), dot(a, b)); }

    Polygon corners_;
    double squared_distance_ = 0, diameter_ = 0, farthest_ = 0, reach_ = kReach;
};

}  // namespace sdot::gaussian
