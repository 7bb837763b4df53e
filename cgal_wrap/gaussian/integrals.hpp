// Masses and moments of a Gaussian mixture over convex polygons.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/convex_polygons.hpp"
#include "base/gauss_rules.hpp"
#include "base/geometry.hpp"
#include "base/interruption.hpp"
#include "base/moments.hpp"
#include "base/parallel.hpp"
#include "gaussian/mixture.hpp"
#include "gaussian/segments.hpp"

namespace sdot::gaussian {

// Neighbouring polygons look up the components near them together.
constexpr std::size_t kBlock = 32;
// Blocks between two looks for an interruption.
constexpr std::size_t kPortion = 512;

inline std::size_t blocks_of(std::size_t count) { return (count + kBlock - 1) / kBlock; }

// Shows every polygon with the components that matter in it, the greatest first: calls
// visit(i, component index, whitened polygon), which returns the component's mass in the polygon.
class PolygonVisitor {
public:
    PolygonVisitor(const GaussianMixture& mixture, Negligible negligible)
        : near_(mixture, negligible), whitened_(mixture.size()) {}

    template <class Visit>
    void run_block(const ConvexPolygons& polygons, std::size_t block, const Visit& visit) {
        const std::size_t begin = block * kBlock, end = std::min(polygons.count, begin + kBlock);
        if (polygons.offsets[begin] == polygons.offsets[end]) return;
        Box box;
        for (std::int64_t k = polygons.offsets[begin]; k < polygons.offsets[end]; ++k)
            box.include(polygons.points[k]);
        const std::vector<std::size_t>& components = near_.in(box);
        for (std::size_t i = begin; i < end; ++i)
            if (polygons.size(i) > 2) run(polygons, i, components, visit);
    }

private:
    struct Candidate {
        double log_mass;  // an upper bound in the polygon
        std::size_t component;
    };

    template <class Visit>
    void run(const ConvexPolygons& polygons, std::size_t i, const std::vector<std::size_t>& components,
             const Visit& visit) {
        const bool by_density = near_.negligible() == Negligible::kAgainstDensity;
        candidates_.clear();
        for (const std::size_t c : components) {
            const Gaussian& component = near_.mixture()[c];
            whitened_[c].assign(component, polygons.corners(i), polygons.size(i));
            // A half-plane at distance r has at most exp(-r^2 / 2) / 2 of the mass.
            const double log_share = -0.5 * whitened_[c].squared_distance();
            candidates_.push_back({log_share + (by_density ? std::log(component.mass) : 0), c});
        }
        std::sort(candidates_.begin(), candidates_.end(), [](Candidate a, Candidate b) {
            return a.log_mass != b.log_mass ? a.log_mass > b.log_mass : a.component < b.component;
        });
        double mass = by_density ? 0 : 1;
        for (const Candidate& candidate : candidates_) {
            const double above = candidate.log_mass - std::log(mass) + kNegligible;
            if (above < 0) break;
            whitened_[candidate.component].limit_reach(2 * above);
            const double found = visit(i, candidate.component, whitened_[candidate.component]);
            if (by_density) mass += std::max(0.0, found);
        }
    }

    static constexpr double kNegligible = 42;  // exp(-42) = 6e-19

    NearComponents near_;
    std::vector<WhitenedPolygon> whitened_;
    std::vector<Candidate> candidates_;
};

// Returns false if interrupted, as the other integrals do.
inline bool polygon_masses(const GaussianMixture& mixture, const GaussRules& rules,
                           const ConvexPolygons& polygons, int threads, int (*pending)(),
                           double* masses) {
    std::fill(masses, masses + polygons.count, 0.0);
    const auto run = [&](std::size_t begin, std::size_t end) {
        PolygonVisitor visitor(mixture, Negligible::kAgainstDensity);
        for (std::size_t block = begin; block < end; ++block)
            visitor.run_block(polygons, block,
                              [&](std::size_t i, std::size_t c, const WhitenedPolygon& whitened) {
                                  const double mass = mixture[c].mass * whitened.mass(rules);
                                  masses[i] += mass;
                                  return mass;
                              });
    };
    return interruptible_for(blocks_of(polygons.count), kPortion, threads, pending, run, 8);
}

// Moments of order 0, 1, 2 of a component about its mean in whitened coordinates, from the sides
// of a polygon. With g the density, z g = -grad g, so that
//     integral of z g = - boundary integral of g n,
//     integral of z z^T g = mass I - boundary integral of z n^T g.
struct WhitenedMoments {
    double mass = 0;
    Point first{0, 0};
    double xx = 0, xy = 0, yy = 0;

    WhitenedMoments(const WhitenedPolygon& polygon, const GaussRules& rules)
        : mass(polygon.mass(rules)), xx(mass), yy(mass) {
        polygon.visit_sides(rules, [&](Point z, Point side, double weight) {
            const double g = weight * std::exp(-0.5 * dot(z, z)) / kTwoPi;
            const Point normal{g * side.y, -g * side.x};
            first = first - normal;
            xx -= z.x * normal.x;
            xy -= 0.5 * (z.x * normal.y + z.y * normal.x);
            yy -= z.y * normal.y;
        });
    }

    RawMoments raw() const {
        RawMoments result;
        result.mass = mass;
        result.first = first;
        result.xx = xx;
        result.xy = xy;
        result.yy = yy;
        return result;
    }
};

inline Moments unwhitened(const Moments& moments, const Gaussian& component) {
    const Triangular& a = component.factor;
    const double m = component.mass;
    return {m * moments.mass, component.unwhiten(moments.mean), m * a.xx * a.xx * moments.xx,
            m * a.xx * (a.yx * moments.xx + a.yy * moments.xy),
            m * (a.yx * a.yx * moments.xx + 2 * a.yx * a.yy * moments.xy + a.yy * a.yy * moments.yy)};
}

// Central moments of a component over a polygon. From the sides they lose digits in a polygon that
// is much smaller than the component; there Gauss rules inside, with positive weights, lose none.
class ComponentMoments {
public:
    explicit ComponentMoments(const GaussRules& rules) : rules_(rules) {}

    Moments operator()(const Gaussian& component, const WhitenedPolygon& whitened,
                       const Point* corners, std::size_t count) {
        const double roughness = whitened.roughness();
        if (whitened.diameter() > kSmall || roughness > kRoughestPiece)
            return unwhitened(WhitenedMoments(whitened, rules_).raw().central(), component);
        // One node more for the second moments and the Jacobian.
        const GaussRule rule = rules_.with(nodes_needed(roughness) + 1);
        polygon_.assign(corners, corners + count);
        RawMoments sums;
        sums.origin = polygon_[0];
        polygon_nodes(polygon_, rule, [&](Point x, double weight) {
            sums.add(x - polygon_[0], weight * component.density(x));
        });
        return sums.central();
    }

private:
    // Diameter in standard deviations; from the sides, such a polygon's second moments have a
    // relative error of 1e-14 / kSmall^3, and less in sums.
    static constexpr double kSmall = 0.2;

    const GaussRules& rules_;
    Polygon polygon_;
};

inline bool polygon_moments(const GaussianMixture& mixture, const GaussRules& rules,
                            const ConvexPolygons& polygons, int threads, int (*pending)(),
                            const MomentArrays& result) {
    const auto run = [&](std::size_t begin, std::size_t end) {
        PolygonVisitor visitor(mixture, Negligible::kAgainstDensity);
        ComponentMoments component_moments(rules);
        Moments cells[kBlock];
        for (std::size_t block = begin; block < end; ++block) {
            const std::size_t first = block * kBlock;
            std::fill(cells, cells + kBlock, Moments{});
            visitor.run_block(polygons, block,
                              [&](std::size_t i, std::size_t c, const WhitenedPolygon& whitened) {
                                  const Moments moments = component_moments(
                                      mixture[c], whitened, polygons.corners(i), polygons.size(i));
                                  cells[i - first].merge(moments);
                                  return moments.mass;
                              });
            for (std::size_t i = first; i < std::min(polygons.count, first + kBlock); ++i)
                result.write(i, cells[i - first]);
        }
    };
    return interruptible_for(blocks_of(polygons.count), kPortion, threads, pending, run, 4);
}

}  // namespace sdot::gaussian
