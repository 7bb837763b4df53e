// Integrals of a potential, quadratic on every cell, against each component of a mixture times
// Hermite polynomials: from them follow all its second derivatives with respect to the parameters.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "base/convex_polygons.hpp"
#include "base/gauss_rules.hpp"
#include "base/geometry.hpp"
#include "base/interruption.hpp"
#include "base/parallel.hpp"
#include "diagram/cell_potential.hpp"
#include "gaussian/hermite.hpp"
#include "gaussian/integrals.hpp"
#include "gaussian/mixture.hpp"
#include "gaussian/segments.hpp"

namespace sdot::gaussian {

using diagram::CellPotential;

// He_a(z.x) He_b(z.y) for a + b = 0, 1, ... 4; for each degree with a from high to low.
constexpr int kHermites = 15;
using HermiteIntegrals = std::array<double, kHermites>;

// Of one component of mass one over one cell.
inline void add_integrals(const Gaussian& component, const WhitenedPolygon& whitened,
                          const GaussRules& rules, const CellPotential& potential, std::size_t cell,
                          HermiteIntegrals& sums) {
    const Monomials<6> moments(whitened, rules);
    const Triangular& a = component.factor;
    const Point metric = potential.metric, gap = component.mean - potential.site(cell);
    // The potential in whitened coordinates.
    const double constant = potential(cell, component.mean);
    const Point slope = a.transposed_times(Point{2 * metric.x * gap.x, 2 * metric.y * gap.y} +
                                            potential.slope(cell));
    const double xx = metric.x * a.xx * a.xx + metric.y * a.yx * a.yx;
    const double xy = 2 * metric.y * a.yx * a.yy, yy = metric.y * a.yy * a.yy;
    std::size_t k = 0;
    for (int degree = 0; degree <= 4; ++degree)
        for (int i = degree; i >= 0; --i, ++k) {
            const auto integral = [&](int p, int q) {
                return hermite_integral(moments, p, q, i, degree - i);
            };
            sums[k] += constant * integral(0, 0) + slope.x * integral(1, 0) +
                       slope.y * integral(0, 1) + xx * integral(2, 0) + xy * integral(1, 1) +
                       yy * integral(0, 2);
        }
}

// Sums over the cells, one component after the other, in an order that does not depend on the number
// of threads; empty if interrupted.
inline std::vector<double> potential_integrals(
    const GaussianMixture& mixture, const GaussRules& rules, const ConvexPolygons& polygons,
    const CellPotential& potential, int threads, int (*pending)()) {
    constexpr std::size_t kMostParts = 64;
    const std::size_t blocks = blocks_of(polygons.count);
    const std::size_t parts = std::min(blocks, kMostParts);
    std::vector<std::vector<HermiteIntegrals>> sums(parts);
    const auto run = [&](std::size_t begin, std::size_t end) {
        PolygonVisitor visitor(mixture, Negligible::kAgainstComponent);
        for (std::size_t part = begin; part < end; ++part) {
            sums[part].resize(mixture.size(), HermiteIntegrals{});
            for (std::size_t block = blocks * part / parts; block < blocks * (part + 1) / parts;
                 ++block)
                visitor.run_block(
                    polygons, block,
                    [&](std::size_t i, std::size_t c, const WhitenedPolygon& whitened) {
                        add_integrals(mixture[c], whitened, rules, potential, i, sums[part][c]);
                        return 0.0;
                    });
        }
    };
    const std::size_t portion = std::max<std::size_t>(4, 2 * static_cast<std::size_t>(threads));
    if (!interruptible_for(parts, portion, threads, pending, run, 1)) return {};
    std::vector<double> total(mixture.size() * kHermites, 0.0);
    for (const auto& part : sums)
        for (std::size_t k = 0; k < total.size(); ++k)
            total[k] += part[k / kHermites][k % kHermites];
    return total;
}

}  // namespace sdot::gaussian
