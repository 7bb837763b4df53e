// Cell masses and edge integrals of a Gaussian mixture on the whole plane, each edge walked once.
//
// Inside a circle around its mean a component's mass is the flux of the field that is smooth there,
// outside that of the field that is as small as the density (see segments.hpp). Their
// difference is z / (2 pi r^2), whose flux through an arc of the circle is the arc's angle over
// 2 pi. So the mass of a cell is the flux through its edges, plus the angle of the circle inside of
// it over 2 pi. That angle is a sum over the edges too: they cross the circle, and counter-clockwise
// from a base point each crossing ends an arc of one cell and begins one of another. The base point
// is put into the widest gap between crossings, where no rounding can misplace it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/gauss_rules.hpp"
#include "base/geometry.hpp"
#include "base/interruption.hpp"
#include "base/parallel.hpp"
#include "diagram/edges.hpp"
#include "gaussian/edge_walk.hpp"
#include "gaussian/mixture.hpp"
#include "gaussian/segments.hpp"

namespace sdot::gaussian {

using diagram::DiagramEdges;

// Where an edge leaves (outward) or enters the circle of a component.
struct Crossing {
    std::size_t component, edge;
    double angle;
    bool outward;
};

// What is below exp(-42) = 6e-19 of the density on a segment is left out.
constexpr double kDepth = 42;

// Of one component along a segment: the integral of exp(-r^2/2) as a share of the length, and
// 2 pi times the flux to the right.
struct SegmentSums {
    double density = 0, flux = 0;
};

class SegmentWalker {
public:
    SegmentWalker(const GaussRules& rules, Point a, Point b)
        : rules_(rules), a_(a), d_(b - a), moment_(cross(a, d_)) {
        const double circle2 = kNear * kNear;
        starts_inside_ = dot(a, a) < circle2;
        ends_inside_ = dot(b, b) < circle2;
        enter_ = leave_ = 2;  // beyond the end: never inside
        double begin, end;
        if (starts_inside_ || ends_inside_ || cut_to_disc(a, d_, circle2, begin, end)) {
            cut_to_disc(a, d_, circle2, begin, end);
            enter_ = starts_inside_ ? 0 : std::max(0.0, std::min(1.0, begin));
            leave_ = ends_inside_ ? 1 : std::max(enter_, std::min(1.0, end));
        }
    }

    // Down to exp(-depth) of the greatest density on the segment, and to as many digits.
    SegmentSums sums(double foot2, double depth) const {
        SegmentSums result;
        double begin, end;
        if (foot2 > kUnderflow || !cut_to_disc(a_, d_, foot2 + std::min(kReach, 2 * depth), begin, end))
            return result;
        const double digits = std::min(1.0, depth / kDepth);
        const double enter = std::max(begin, std::min(end, enter_));
        const double leave = std::max(enter, std::min(end, leave_));
        double near = 0, far = 0;
        visit(enter, leave, Field::kSmooth, digits, [&](Point z, double weight) {
            const double r2 = dot(z, z), g = std::exp(-0.5 * r2);
            result.density += weight * g;
            near += weight * smooth_field(r2, g);
        });
        const auto outside = [&](Point z, double weight) {
            const double r2 = dot(z, z), g = weight * std::exp(-0.5 * r2);
            result.density += g;
            far += g / r2;
        };
        visit(begin, enter, Field::kFar, digits, outside);
        visit(leave, end, Field::kFar, digits, outside);
        result.flux = moment_ * (near - far);
        return result;
    }

    template <class Visit>  // visit(angle, outward)
    void crossings(const Visit& visit) const {
        if (enter_ > 1) return;
        if (!starts_inside_) visit(angle(enter_), false);
        if (!ends_inside_) visit(angle(leave_), true);
    }

private:
    template <class Visit>
    void visit(double begin, double end, Field field, double digits, const Visit& visit) const {
        if (begin < end)
            visit_segment(rules_, at(begin), at(end), end - begin, visit, digits, field);
    }

    Point at(double t) const { return a_ + t * d_; }
    double angle(double t) const {
        const Point z = at(t);
        return std::atan2(z.y, z.x);
    }

    const GaussRules& rules_;
    Point a_, d_;
    double moment_, enter_, leave_;
    bool starts_inside_, ends_inside_;
};

// The components along one segment, the greatest first, until the rest is negligible.
class SegmentSummer {
public:
    SegmentSummer(const GaussianMixture& mixture, const GaussRules& rules)
        : mixture_(mixture), rules_(rules) {
        for (const Gaussian& component : mixture)
            log_heights_.push_back(std::log(component.height()));
    }

    // Both sums of the mixture; the flux is the mass that passes.
    SegmentSums operator()(std::size_t edge, Point from, Point to,
                           const std::vector<std::size_t>& components,
                           std::vector<Crossing>& crossings) {
        find_candidates(from, to, components);
        SegmentSums total;
        for (const Candidate& candidate : candidates_) {
            const SegmentWalker walker(rules_, candidate.from, candidate.to);
            // However small a component is here, its circle has to close.
            walker.crossings([&](double angle, bool outward) {
                crossings.push_back({candidate.component, edge, angle, outward});
            });
            const double depth = candidate.log_greatest - std::log(total.density) + kDepth;
            if (!(depth > 0)) continue;
            const SegmentSums sums = walker.sums(candidate.foot2, depth);
            const Gaussian& component = mixture_[candidate.component];
            total.density += component.height() * sums.density;
            total.flux += component.mass / kTwoPi * sums.flux;
        }
        return total;
    }

private:
    struct Candidate {
        Point from, to;
        double foot2, log_greatest;
        std::size_t component;
    };

    void find_candidates(Point from, Point to, const std::vector<std::size_t>& components) {
        found_.clear();
        double most = -std::numeric_limits<double>::infinity();
        for (const std::size_t c : components) {
            Candidate candidate{mixture_[c].whiten(from), mixture_[c].whiten(to), 0, 0, c};
            candidate.foot2 = squared_distance(candidate.from, candidate.to);
            candidate.log_greatest = log_heights_[c] - 0.5 * candidate.foot2;
            most = std::max(most, candidate.log_greatest);
            found_.push_back(candidate);
        }
        candidates_.clear();
        for (const Candidate& candidate : found_)
            if (candidate.log_greatest > most - kDepth || candidate.foot2 < kNear * kNear)
                candidates_.push_back(candidate);
        std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
            if (a.log_greatest != b.log_greatest) return a.log_greatest > b.log_greatest;
            return a.component < b.component;
        });
    }

    const GaussianMixture& mixture_;
    const GaussRules& rules_;
    std::vector<double> log_heights_;
    std::vector<Candidate> found_, candidates_;
};

// Adds the angles of the components' circles inside the cells to their masses.
class CircleAngles {
public:
    CircleAngles(const GaussianMixture& mixture, const DiagramEdges& diagram,
                 const std::uint8_t* is_hidden)
        : mixture_(mixture), diagram_(diagram), is_hidden_(is_hidden) {}

    void add_to(double* masses, std::vector<Crossing>& crossings) const {
        std::sort(crossings.begin(), crossings.end(), [](const Crossing& a, const Crossing& b) {
            if (a.component != b.component) return a.component < b.component;
            return a.angle != b.angle ? a.angle < b.angle : a.edge < b.edge;
        });
        auto begin = crossings.begin();
        for (std::size_t c = 0; c < mixture_.size(); ++c) {
            auto end = begin;
            while (end != crossings.end() && end->component == c) ++end;
            if (begin == end) masses[site_at(mixture_[c].mean)] += mixture_[c].mass;
            else add_circle(masses, mixture_[c].mass, &*begin, static_cast<std::size_t>(end - begin));
            begin = end;
        }
    }

private:
    void add_circle(double* masses, double mass, const Crossing* crossings,
                    std::size_t count) const {
        std::size_t first = 0;  // after the widest gap
        double widest = crossings[0].angle - crossings[count - 1].angle + kTwoPi;
        for (std::size_t k = 1; k < count; ++k) {
            const double gap = crossings[k].angle - crossings[k - 1].angle;
            if (gap > widest) {
                widest = gap;
                first = k;
            }
        }
        const double base = crossings[first].angle - 0.5 * widest;
        for (std::size_t k = 0; k < count; ++k) {
            const Crossing& crossing = crossings[k];
            double angle = crossing.angle - base;
            if (k < first) angle += kTwoPi;
            // Counter-clockwise, the circle comes into the left cell where the edge leaves it.
            const double part = mass * (crossing.outward ? angle : -angle) / kTwoPi;
            masses[diagram_.left(crossing.edge)] -= part;
            masses[diagram_.right(crossing.edge)] += part;
        }
        const Crossing& last = crossings[first > 0 ? first - 1 : count - 1];
        masses[last.outward ? diagram_.left(last.edge) : diagram_.right(last.edge)] += mass;
    }

    // The site in whose cell a point is.
    std::size_t site_at(Point x) const {
        const WeightedSites& sites = diagram_.sites;
        std::size_t found = 0;
        double least = std::numeric_limits<double>::infinity();
        for (std::size_t i = 0; i < sites.count; ++i) {
            const Point gap = x - sites.position(static_cast<std::int32_t>(i));
            const double power = dot(gap, gap) - sites.weights[i] - sites.low_weights[i];
            if (!is_hidden_[i] && power < least) {
                least = power;
                found = i;
            }
        }
        return found;
    }

    const GaussianMixture& mixture_;
    const DiagramEdges& diagram_;
    const std::uint8_t* is_hidden_;
};

// edge_weights[e] = (1 / (2 |y_i - y_j|)) * integral of the density along edge e in the domain, a
// convex polygon; and, if `masses` is not null, the masses of the cells, for which the density has
// to be zero outside of it. Returns false if interrupted.
inline bool masses_and_edge_weights(const GaussianMixture& mixture, const GaussRules& rules,
                                    const DiagramEdges& diagram, const std::uint8_t* is_hidden,
                                    const Polygon& domain, int threads, int (*pending)(),
                                    double* masses, double* edge_weights) {
    std::vector<double> fluxes(diagram.count);
    std::vector<std::vector<Crossing>> crossings(edge_blocks(diagram));
    const bool finished = visit_edges(
        mixture, diagram, domain, threads, pending,
        [&] { return SegmentSummer(mixture, rules); },
        [&](SegmentSummer& sum, std::size_t edge, Point from, Point to,
            const std::vector<std::size_t>& components) {
            const SegmentSums sums = sum(edge, from, to, components, crossings[edge_block(edge)]);
            const Point normal = diagram.bisector(edge).normal, along = to - from;
            fluxes[edge] = sums.flux;
            edge_weights[edge] =
                0.5 * sums.density * std::sqrt(dot(along, along) / dot(normal, normal));
        },
        [&](std::size_t edge) { edge_weights[edge] = 0; });
    if (!finished) return false;
    if (!masses) return true;
    std::fill(masses, masses + diagram.sites.count, 0.0);
    for (std::size_t e = 0; e < diagram.count; ++e) {
        masses[diagram.left(e)] += fluxes[e];
        masses[diagram.right(e)] -= fluxes[e];
    }
    std::vector<Crossing> all;
    for (const auto& part : crossings) all.insert(all.end(), part.begin(), part.end());
    CircleAngles(mixture, diagram, is_hidden).add_to(masses, all);
    return true;
}

}  // namespace sdot::gaussian
