// To which of two weighted sites is a point nearer? Exact, as the power test is.
//
// Sites may be known in a frame of their own: a point x of the plane is (x - origin) / scale there.
// That quotient is not rounded where it matters.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "base/geometry.hpp"
#include "triangulation/power_test.hpp"

namespace sdot::triangulation {

class PowerComparison {
public:
    // A point as it was given, its place in the frame, and twice what the latter may be rounded by,
    // in units of two roundings.
    struct Query {
        Point given, place, doubt;
    };

    // Site j's power less that of site i, and a bound on its error.
    struct Gap {
        double value, bound;
    };

    PowerComparison(const WeightedSites& sites, Point origin, Point scale)
        : sites_(sites),
          origin_(origin),
          scale_(scale),
          is_framed_(origin.x != 0 || origin.y != 0 || scale.x != 1 || scale.y != 1) {}

    const WeightedSites& sites() const { return sites_; }

    Query query(Point x) const {
        if (!is_framed_) return {x, x, {0, 0}};
        const Point u{(x.x - origin_.x) / scale_.x, (x.y - origin_.y) / scale_.y};
        return {x, u, {2 * std::abs(u.x), 2 * std::abs(u.y)}};
    }

    // |u - z_j|^2 - |u - z_i|^2 = (z_j - z_i) . ((z_j - u) + (z_i - u)), less the gap of weights.
    // Each product is the outcome of at most 4 roundings and their sum of 3 more, and the point's
    // place of 2: 16 leave room for the bound's own.
    Gap gap(const Query& x, std::int32_t i, std::int32_t j) const {
        constexpr double kRounding = 16 * 0.5 * std::numeric_limits<double>::epsilon();
        const Point y = sites_.position(i), z = sites_.position(j);
        const Point step = z - y, to_y = y - x.place, to_z = z - x.place;
        const double high = sites_.weights[j] - sites_.weights[i],
                     low = sites_.low_weights[j] - sites_.low_weights[i];
        const double terms =
            std::abs(step.x) * (std::abs(to_y.x) + std::abs(to_z.x) + x.doubt.x) +
            std::abs(step.y) * (std::abs(to_y.y) + std::abs(to_z.y) + x.doubt.y) +
            std::abs(high) + std::abs(low);
        return {dot(step, to_y + to_z) - (high + low), kRounding * terms + kFarFromUnderflow};
    }

    // Positive if the point is nearer to site i than to site j, zero only if neither is nearer.
    int sign(const Query& x, std::int32_t i, std::int32_t j) const {
        const Gap quick = gap(x, i, j);
        if (quick.value > quick.bound) return 1;
        return quick.value < -quick.bound ? -1 : exact_sign(x, i, j);
    }

    // By intervals, or where they leave it open by rational numbers.
    int exact_sign(const Query& x, std::int32_t i, std::int32_t j) const {
        {
            CGAL::Protect_FPU_rounding<true> rounding;
            const auto sign = CGAL_NTS sign(scaled_gap<CGAL::Interval_nt<false>>(x, i, j));
            if (CGAL::is_certain(sign)) return static_cast<int>(sign.inf());
        }
        return static_cast<int>(CGAL_NTS sign(scaled_gap<ExactRing>(x, i, j)));
    }

private:
    static constexpr double kFarFromUnderflow = 1e-250;

    // The gap times both scales, without a division.
    template <class Number>
    Number scaled_gap(const Query& x, std::int32_t i, std::int32_t j) const {
        const Point y = sites_.position(i), z = sites_.position(j);
        const Number a(scale_.x), b(scale_.y), two(2);
        const Number along_x =
            (Number(z.x) - Number(y.x)) *
            (a * (Number(z.x) + Number(y.x)) - two * (Number(x.given.x) - Number(origin_.x)));
        const Number along_y =
            (Number(z.y) - Number(y.y)) *
            (b * (Number(z.y) + Number(y.y)) - two * (Number(x.given.y) - Number(origin_.y)));
        const Number weights =
            (Number(sites_.weights[j]) - Number(sites_.weights[i])) +
            (Number(sites_.low_weights[j]) - Number(sites_.low_weights[i]));
        return b * along_x + a * along_y - a * b * weights;
    }

    WeightedSites sites_;
    Point origin_, scale_;
    bool is_framed_;
};

}  // namespace sdot::triangulation
