// Integrals of the standard normal density times polynomials over convex polygons.
//
// The derivatives of a component's density with respect to its mean and covariance are the density
// times Hermite polynomials in whitened coordinates.
#pragma once

#include <cmath>
#include <cstddef>

#include "base/gauss_rules.hpp"
#include "base/geometry.hpp"
#include "gaussian/mixture.hpp"
#include "gaussian/segments.hpp"

namespace sdot::gaussian {

// he[k] has the coefficients of the Hermite polynomial of degree k, 1, x, x^2 - 1, x^3 - 3 x, ...
constexpr double kHermite[5][5] = {
    {1, 0, 0, 0, 0}, {0, 1, 0, 0, 0}, {-1, 0, 1, 0, 0}, {0, -3, 0, 1, 0}, {3, 0, -6, 0, 1}};

// The integrals M(a, b) of z.x^a z.y^b times the density, a + b <= Order, from the sides of a
// polygon. The derivative of z.x^(a-1) z.y^b g by z.x is (a-1) z.x^(a-2) z.y^b g - z.x^a z.y^b g, so
//     M(a, b) = (a - 1) M(a - 2, b) - boundary integral of z.x^(a-1) z.y^b g n.x
template <int Order>
class Monomials {
public:
    Monomials(const WhitenedPolygon& polygon, const GaussRules& rules) {
        add_sides(polygon, rules);
        at(0, 0) = polygon.mass(rules);
        for (int b = 1; b <= Order; ++b)
            at(0, b) = (b > 1 ? (b - 1) * at(0, b - 2) : 0.0) - across_y_[b - 1];
        for (int a = 1; a <= Order; ++a)
            for (int b = 0; a + b <= Order; ++b)
                at(a, b) = (a > 1 ? (a - 1) * at(a - 2, b) : 0.0) - across_x_[a - 1][b];
    }

    double operator()(int a, int b) const { return moments_[a][b]; }

private:
    double& at(int a, int b) { return moments_[a][b]; }

    void add_sides(const WhitenedPolygon& polygon, const GaussRules& rules) {
        constexpr double kDigits = 1.2;  // two nodes more, for the powers
        constexpr double kFar = 110;     // exp(-55) times the powers is negligible
        const Polygon& corners = polygon.corners();
        const double nearest = polygon.squared_distance();
        if (nearest > kUnderflow) return;
        for (std::size_t k = 0; k < corners.size(); ++k) {
            const Point a = corners[k], b = corners[k + 1 < corners.size() ? k + 1 : 0], d = b - a;
            double begin, end;
            if (!cut_to_disc(a, d, nearest + kFar, begin, end)) continue;
            visit_segment(
                rules, begin > 0 ? a + begin * d : a, end < 1 ? a + end * d : b, end - begin,
                [&](Point z, double weight) {
                    add_node(z, weight * std::exp(-0.5 * dot(z, z)) / kTwoPi, d);
                },
                kDigits);
        }
    }

    void add_node(Point z, double weight, Point side) {
        double along_x = weight * side.y;
        for (int a = 0; a < Order; ++a, along_x *= z.x) {
            double term = along_x;
            for (int b = 0; a + b < Order; ++b, term *= z.y) across_x_[a][b] += term;
        }
        double along_y = -weight * side.x;
        for (int b = 0; b < Order; ++b, along_y *= z.y) across_y_[b] += along_y;
    }

    double moments_[Order + 1][Order + 1] = {};
    double across_x_[Order][Order] = {};  // boundary integrals of z.x^a z.y^b g n.x
    double across_y_[Order] = {};         // and of z.y^b g n.y
};

// The integral of z.x^p z.y^q He_a(z.x) He_b(z.y) times the density.
template <int Order>
double hermite_integral(const Monomials<Order>& moments, int p, int q, int a, int b) {
    double sum = 0;
    for (int i = a % 2; i <= a; i += 2)
        for (int j = b % 2; j <= b; j += 2)
            sum += kHermite[a][i] * kHermite[b][j] * moments(p + i, q + j);
    return sum;
}

}  // namespace sdot::gaussian
