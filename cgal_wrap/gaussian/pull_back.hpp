// Integrals of a potential, quadratic on every cell, against a Gaussian mixture: their derivatives
// with respect to the parameters of each component.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "base/convex_polygons.hpp"
#include "base/gauss_rules.hpp"
#include "base/geometry.hpp"
#include "base/interruption.hpp"
#include "base/parallel.hpp"
#include "diagram/cell_potential.hpp"
#include "gaussian/integrals.hpp"
#include "gaussian/mixture.hpp"
#include "gaussian/segments.hpp"

namespace sdot::gaussian {

using diagram::CellPotential;

// Derivatives of the integral of phi against one component with respect to its mass, its mean and
// the entries xx, xy, yy of its covariance (a change of xy is one of both off-diagonal entries).
struct ComponentDerivatives {
    double mass = 0;
    Point mean{0, 0};
    double xx = 0, xy = 0, yy = 0;

    void add(const ComponentDerivatives& other) {
        mass += other.mass;
        mean = mean + other.mean;
        xx += other.xx;
        xy += other.xy;
        yy += other.yy;
    }
};

// One cell's part. By parts, with N the component's density and S its covariance,
//     d/dmean = integral of grad phi N                      - boundary integral of phi N n,
//     d/dS    = 1/2 integral of grad phi (S^-1 (x - mean))^T N
//                                    - 1/2 boundary integral of phi N n (S^-1 (x - mean))^T,
// symmetrised (dN/dS is half the Hessian of N). phi is continuous, so between cells the boundary
// integrals cancel: they count on the border of the domain only.
class CellDerivatives {
public:
    CellDerivatives(const GaussRules& rules, const CellPotential& potential, bool has_border)
        : rules_(rules), potential_(potential), has_border_(has_border) {}

    ComponentDerivatives operator()(const Gaussian& component, const WhitenedPolygon& whitened,
                                    std::size_t i) const {
        const WhitenedMoments m(whitened, rules_);
        const Triangular& a = component.factor;
        const Triangular& w = component.whitening;
        const double mass = component.mass;
        const double gx = potential_.metric.x, gy = potential_.metric.y;
        const Point gap = component.mean - potential_.site(i), slope = potential_.slope(i);
        // Integrals of x - mean, and of its products with itself and with z.
        const Point first = a * m.first;
        const Point x_z{a.xx * m.xx, a.xx * m.xy};                                 // x.x z
        const Point y_z{a.yx * m.xx + a.yy * m.xy, a.yx * m.xy + a.yy * m.yy};     // x.y z
        const double xx = a.xx * x_z.x, yy = a.yx * y_z.x + a.yy * y_z.y;
        ComponentDerivatives result;
        result.mass = gx * (xx + gap.x * (2 * first.x + gap.x * m.mass)) +
                      gy * (yy + gap.y * (2 * first.y + gap.y * m.mass)) +
                      dot(slope, first + m.mass * gap) - potential_.constants[i] * m.mass;
        result.mean = {2 * mass * gx * (first.x + gap.x * m.mass) + mass * m.mass * slope.x,
                       2 * mass * gy * (first.y + gap.y * m.mass) + mass * m.mass * slope.y};
        // Rows: half the integrals of d phi / d x_k z, then times S^-1 A = A^-T on the right.
        const Point row_x = w.transposed_times(mass * gx * (x_z + gap.x * m.first) +
                                               0.5 * mass * slope.x * m.first);
        const Point row_y = w.transposed_times(mass * gy * (y_z + gap.y * m.first) +
                                               0.5 * mass * slope.y * m.first);
        result.xx = row_x.x;
        result.xy = row_x.y + row_y.x;
        result.yy = row_y.y;
        if (has_border_) subtract_border(component, whitened, i, result);
        return result;
    }

private:
    void subtract_border(const Gaussian& component, const WhitenedPolygon& whitened, std::size_t i,
                         ComponentDerivatives& result) const {
        const double height = component.height();
        whitened.visit_sides(rules_, [&](Point z, Point side, double weight) {
            const Point x = component.unwhiten(z), along = component.factor * side;
            const double flux =
                weight * height * std::exp(-0.5 * dot(z, z)) * potential_(i, x);
            const Point normal{flux * along.y, -flux * along.x};
            const Point score = component.whitening.transposed_times(z);
            result.mean = result.mean - normal;
            result.xx -= 0.5 * normal.x * score.x;
            result.xy -= 0.5 * (normal.x * score.y + normal.y * score.x);
            result.yy -= 0.5 * normal.y * score.y;
        });
    }

    const GaussRules& rules_;
    const CellPotential& potential_;
    bool has_border_;
};

// Sums over the cells, in an order that does not depend on the number of threads; empty if
// interrupted.
inline std::vector<ComponentDerivatives> pull_back(const GaussianMixture& mixture,
                                                   const GaussRules& rules,
                                                   const ConvexPolygons& polygons,
                                                   const CellPotential& potential, bool has_border,
                                                   int threads, int (*pending)()) {
    constexpr std::size_t kMostParts = 64;
    const std::size_t blocks = blocks_of(polygons.count);
    const std::size_t parts = std::min(blocks, kMostParts);
    const CellDerivatives derivatives(rules, potential, has_border);
    std::vector<std::vector<ComponentDerivatives>> sums(parts);
    const auto run = [&](std::size_t begin, std::size_t end) {
        PolygonVisitor visitor(mixture, Negligible::kAgainstComponent);
        for (std::size_t part = begin; part < end; ++part) {
            sums[part].resize(mixture.size());
            for (std::size_t block = blocks * part / parts; block < blocks * (part + 1) / parts;
                 ++block)
                visitor.run_block(
                    polygons, block,
                    [&](std::size_t i, std::size_t c, const WhitenedPolygon& whitened) {
                        sums[part][c].add(derivatives(mixture[c], whitened, i));
                        return 0.0;
                    });
        }
    };
    const std::size_t portion = std::max<std::size_t>(4, 2 * static_cast<std::size_t>(threads));
    if (!interruptible_for(parts, portion, threads, pending, run, 1)) return {};
    std::vector<ComponentDerivatives> total(mixture.size());
    for (const auto& part : sums)
        for (std::size_t c = 0; c < total.size(); ++c) total[c].add(part[c]);
    return total;
}

}  // namespace sdot::gaussian
