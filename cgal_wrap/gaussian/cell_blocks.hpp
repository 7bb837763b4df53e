// Integrals over each cell of what the parameters of each component change its density by, times 1
// and times x - centre of the cell.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "base/convex_polygons.hpp"
#include "base/gauss_rules.hpp"
#include "base/geometry.hpp"
#include "base/interruption.hpp"
#include "base/moments.hpp"
#include "base/parallel.hpp"
#include "diagram/cell_blocks.hpp"
#include "gaussian/hermite.hpp"
#include "gaussian/integrals.hpp"
#include "gaussian/mixture.hpp"
#include "gaussian/segments.hpp"

namespace sdot::gaussian {

using diagram::CellBlocks;

// By the mass 1, the mean (z), and xx, xy, yy of the covariance ((z.x^2 - 1) / 2, z.x z.y,
// (z.y^2 - 1) / 2) in whitened coordinates; a change of xy is one of both off-diagonal entries.
constexpr int kParameters = 6;
constexpr int kDegrees[kParameters][2] = {{0, 0}, {1, 0}, {0, 1}, {2, 0}, {1, 1}, {0, 2}};
constexpr double kFactors[kParameters] = {1, 1, 1, 0.5, 1, 0.5};

class BlockWriter {
public:
    explicit BlockWriter(const GaussRules& rules) : rules_(rules) {}

    // Of a component of mass one. In a polygon much smaller than the component the integrals over
    // the sides lose digits; there Gauss rules inside lose none.
    void write(double* block, const Gaussian& component, const WhitenedPolygon& whitened,
               Point centre) const {
        const double roughness = whitened.roughness();
        if (whitened.diameter() > kSmall || roughness > kRoughestPiece)
            from_sides(block, component, whitened, centre);
        else from_inside(block, component, whitened, centre, roughness);
    }

private:
    static constexpr double kSmall = 0.2;  // as for the moments

    void from_sides(double* block, const Gaussian& component, const WhitenedPolygon& whitened,
                    Point centre) const {
        const Monomials<3> moments(whitened, rules_);
        const Point offset = component.mean - centre;
        const Triangular& factor = component.factor;
        for (int k = 0; k < kParameters; ++k) {
            const auto integral = [&](int p, int q) {
                return kFactors[k] *
                       hermite_integral(moments, p, q, kDegrees[k][0], kDegrees[k][1]);
            };
            const double mass = integral(0, 0);
            const Point first = mass * offset + factor * Point{integral(1, 0), integral(0, 1)};
            block[k] = mass;
            block[kParameters + k] = first.x;
            block[2 * kParameters + k] = first.y;
        }
    }

    void from_inside(double* block, const Gaussian& component, const WhitenedPolygon& whitened,
                     Point centre, double roughness) const {
        const GaussRule rule = rules_.with(std::min(kMostNodes, nodes_needed(roughness) + 2));
        const Point offset = component.mean - centre;
        polygon_nodes(whitened.corners(), rule, [&](Point z, double weight) {
            const double g = weight * std::exp(-0.5 * dot(z, z)) / kTwoPi;
            const Point gap = offset + component.factor * z;
            const double changes[kParameters] = {
                1, z.x, z.y, 0.5 * (z.x * z.x - 1), z.x * z.y, 0.5 * (z.y * z.y - 1)};
            for (int k = 0; k < kParameters; ++k) {
                block[k] += g * changes[k];
                block[kParameters + k] += g * changes[k] * gap.x;
                block[2 * kParameters + k] += g * changes[k] * gap.y;
            }
        });
    }

    const GaussRules& rules_;
};

// Columns are components. False if interrupted.
inline bool cell_blocks(const GaussianMixture& mixture, const GaussRules& rules,
                        const ConvexPolygons& polygons, const Point* centres, int threads,
                        int (*pending)(), CellBlocks& all) {
    const std::size_t blocks = blocks_of(polygons.count);
    std::vector<CellBlocks> found(blocks);
    const BlockWriter writer(rules);
    const auto run = [&](std::size_t begin, std::size_t end) {
        PolygonVisitor visitor(mixture, Negligible::kAgainstComponent);
        for (std::size_t block = begin; block < end; ++block)
            visitor.run_block(polygons, block,
                              [&](std::size_t i, std::size_t c, const WhitenedPolygon& whitened) {
                                  writer.write(found[block].add(i, c, 3 * kParameters), mixture[c],
                                               whitened, centres[i]);
                                  return 0.0;
                              });
    };
    if (!interruptible_for(blocks, kPortion, threads, pending, run, 4)) return false;
    for (const CellBlocks& part : found) all.append(part);
    return true;
}

}  // namespace sdot::gaussian
