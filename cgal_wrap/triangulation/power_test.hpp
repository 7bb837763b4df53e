// The power test, exact for weights that are sums of two doubles, and a kernel for CGAL with it.
//
// Most signs are certain from doubles alone, by a bound on their error in the manner of Shewchuk
// (Adaptive precision floating-point arithmetic and fast robust geometric predicates, 1997); the
// next stage is interval arithmetic, the last one rational numbers.
#pragma once

#include <CGAL/Exact_predicates_inexact_constructions_kernel.h>
#include <CGAL/Exact_kernel_selector.h>
#include <CGAL/Exact_rational.h>
#include <CGAL/Interval_nt.h>

#include <cmath>
#include <limits>

namespace sdot::triangulation {

using Kernel = CGAL::Exact_predicates_inexact_constructions_kernel;
using Exact = CGAL::Exact_rational;
// Exact too, and quicker, but without division.
using ExactRing = CGAL::Exact_kernel_selector<Kernel>::Exact_rt;

// A site with a weight of weight() + low_weight().
class WeightedSite : public Kernel::Weighted_point_2 {
public:
    WeightedSite() = default;
    WeightedSite(const Kernel::Point_2& position, double weight, double low_weight)
        : Kernel::Weighted_point_2(position, weight), low_weight_(low_weight) {}

    double low_weight() const { return low_weight_; }

private:
    double low_weight_ = 0;
};

namespace power_test {

// A site seen from another one, t: its offset, and its power |offset|^2 - weight + weight of t.
template <class Number>
struct Lifted {
    Number x, y, weight_gap, power;

    Lifted(const WeightedSite& p, const WeightedSite& t)
        : x(Number(p.x()) - Number(t.x())),
          y(Number(p.y()) - Number(t.y())),
          weight_gap((Number(p.weight()) - Number(t.weight())) +
                     (Number(p.low_weight()) - Number(t.low_weight()))),
          power(x * x + y * y - weight_gap) {}
};

template <class Number>
Number minor(const Lifted<Number>& p, const Lifted<Number>& q) {
    return p.x * q.y - q.x * p.y;
}

template <class Number>
auto sign_of_power(const WeightedSite& p, const WeightedSite& q, const WeightedSite& r,
                   const WeightedSite& t) {
    const Lifted<Number> a(p, t), b(q, t), c(r, t);
    return CGAL_NTS sign(a.power * minor(b, c) + b.power * minor(c, a) + c.power * minor(a, b));
}

// On the line through p and q, along x or, if that is the same for both, along y.
template <class Number>
auto sign_of_power(const WeightedSite& p, const WeightedSite& q, const WeightedSite& t) {
    const Lifted<Number> a(p, t), b(q, t);
    const bool along_x = p.x() != q.x();
    const bool ascending = along_x ? p.x() > q.x() : p.y() > q.y();
    const Number power = along_x ? a.x * b.power - b.x * a.power : a.y * b.power - b.y * a.power;
    return CGAL_NTS sign(ascending ? power : Number(-power));
}

template <class Number>
auto sign_of_power(const WeightedSite& p, const WeightedSite& t) {
    return CGAL_NTS sign(-Lifted<Number>(p, t).weight_gap);
}

// The same by doubles if their rounding cannot change it, else zero. Each of the three products is
// the outcome of at most 10 roundings, their sum of 2 more: 16 leave room for the bound's own.
inline int sign_by_doubles(const WeightedSite& p, const WeightedSite& q, const WeightedSite& r,
                           const WeightedSite& t) {
    constexpr double kRounding = 16 * 0.5 * std::numeric_limits<double>::epsilon();
    constexpr double kFarFromUnderflow = 1e-250;
    const Lifted<double> a(p, t), b(q, t), c(r, t);
    const auto terms_of_power = [&](const Lifted<double>& s, const WeightedSite& site) {
        return s.x * s.x + s.y * s.y + std::abs(site.weight() - t.weight()) +
               std::abs(site.low_weight() - t.low_weight());
    };
    const auto terms_of_minor = [](const Lifted<double>& s, const Lifted<double>& u) {
        return std::abs(s.x * u.y) + std::abs(u.x * s.y);
    };
    const double power = a.power * minor(b, c) + b.power * minor(c, a) + c.power * minor(a, b);
    const double terms = terms_of_power(a, p) * terms_of_minor(b, c) +
                         terms_of_power(b, q) * terms_of_minor(c, a) +
                         terms_of_power(c, r) * terms_of_minor(a, b);
    if (!(terms > kFarFromUnderflow && std::abs(power) > kRounding * terms)) return 0;
    return power > 0 ? 1 : -1;
}

// By intervals, or where they leave it open by rational numbers.
template <class... Sites>
CGAL::Oriented_side exact_side(const Sites&... sites) {
    {
        CGAL::Protect_FPU_rounding<true> rounding;
        const auto sign = sign_of_power<CGAL::Interval_nt<false>>(sites...);
        if (CGAL::is_certain(sign)) return CGAL::enum_cast<CGAL::Oriented_side>(sign.inf());
    }
    return CGAL::enum_cast<CGAL::Oriented_side>(sign_of_power<ExactRing>(sites...));
}

}  // namespace power_test

// Whether the last site is inside (positive) the power circle of the others, if these are
// counter-clockwise.
struct PowerSide {
    using result_type = CGAL::Oriented_side;

    result_type operator()(const WeightedSite& p, const WeightedSite& q, const WeightedSite& r,
                           const WeightedSite& t) const {
        const int sign = power_test::sign_by_doubles(p, q, r, t);
        return sign != 0 ? static_cast<result_type>(sign) : power_test::exact_side(p, q, r, t);
    }
    result_type operator()(const WeightedSite& p, const WeightedSite& q,
                           const WeightedSite& t) const {
        return power_test::exact_side(p, q, t);
    }
    result_type operator()(const WeightedSite& p, const WeightedSite& t) const {
        return power_test::exact_side(p, t);
    }
};

// What CGAL needs to know to triangulate such sites.
struct PowerTestKernel : Kernel {
    using Weighted_point_2 = WeightedSite;
    using Power_side_of_oriented_power_circle_2 = PowerSide;

    Power_side_of_oriented_power_circle_2 power_side_of_oriented_power_circle_2_object() const {
        return {};
    }
};

}  // namespace sdot::triangulation
