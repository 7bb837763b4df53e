// Masses, moments and derivatives of a Gaussian mixture over convex polygons.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cell_potential.hpp"
#include "convex_polygons.hpp"
#include "gauss_rules.hpp"
#include "gaussian_mixture.hpp"
#include "gaussian_segments.hpp"
#include "geometry.hpp"
#include "interruption.hpp"
#include "moments.hpp"

namespace sdot {

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
        const Point gap = component.mean - potential_.site(i);
        // Integrals of x - mean, and of its products with itself and with z.
        const Point first = a * m.first;
        const Point x_z{a.xx * m.xx, a.xx * m.xy};                                 // x.x z
        const Point y_z{a.yx * m.xx + a.yy * m.xy, a.yx * m.xy + a.yy * m.yy};     // x.y z
        const double xx = a.xx * x_z.x, yy = a.yx * y_z.x + a.yy * y_z.y;
        ComponentDerivatives result;
        result.mass = gx * (xx + gap.x * (2 * first.x + gap.x * m.mass)) +
                      gy * (yy + gap.y * (2 * first.y + gap.y * m.mass)) -
                      potential_.constants[i] * m.mass;
        result.mean = {2 * mass * gx * (first.x + gap.x * m.mass),
                       2 * mass * gy * (first.y + gap.y * m.mass)};
        // Rows: the integrals of grad phi_k z, then times S^-1 A = A^-T on the right.
        const Point row_x = w.transposed_times(mass * gx * (x_z + gap.x * m.first));
        const Point row_y = w.transposed_times(mass * gy * (y_z + gap.y * m.first));
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

}  // namespace sdot
