// Mass, centroid and variance of a Gaussian mixture along the edges of a power diagram.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "base/gauss_rules.hpp"
#include "base/geometry.hpp"
#include "base/interruption.hpp"
#include "base/moments.hpp"
#include "base/parallel.hpp"
#include "diagram/edge_moments.hpp"
#include "gaussian/edge_walk.hpp"
#include "gaussian/edges.hpp"
#include "gaussian/mixture.hpp"
#include "gaussian/segments.hpp"

namespace sdot::gaussian {

using diagram::EdgeMomentArrays;

// The closest point of a segment to the mean.
inline Point foot_of(Point a, Point b) {
    const Point d = b - a;
    const double dd = dot(d, d);
    const double t = dd > 0 ? std::max(0.0, std::min(1.0, -dot(a, d) / dd)) : 0.0;
    return a + t * d;
}

// One component along a segment, about where it is greatest. `length` is the segment's own.
inline Moments segment_moments(const Gaussian& component, const GaussRules& rules, Point a, Point b,
                               double length) {
    constexpr double kDigits = 1.1;  // one node more, for the squares
    const Point foot = foot_of(a, b), d = b - a;
    RawMoments sums;
    sums.origin = component.unwhiten(foot);
    double begin, end;
    if (dot(foot, foot) > kUnderflow || !cut_to_disc(a, d, dot(foot, foot) + kReach, begin, end))
        return {};
    visit_segment(
        rules, a + begin * d, a + end * d, end - begin,
        [&](Point z, double weight) {
            sums.add(component.factor * (z - foot),
                     weight * length * component.height() * std::exp(-0.5 * dot(z, z)));
        },
        kDigits);
    return sums.central();
}

// All components along a segment, but those that are negligible against the greatest one.
class SegmentMoments {
public:
    SegmentMoments(const GaussianMixture& mixture, const GaussRules& rules)
        : mixture_(mixture), rules_(rules) {
        for (const Gaussian& component : mixture)
            log_heights_.push_back(std::log(component.height()));
    }

    Moments operator()(Point from, Point to, const std::vector<std::size_t>& components) {
        const Point along = to - from;
        const double length = std::sqrt(dot(along, along));
        double most = -std::numeric_limits<double>::infinity();
        log_greatest_.clear();
        for (const std::size_t c : components) {
            const double foot2 = squared_distance(mixture_[c].whiten(from), mixture_[c].whiten(to));
            log_greatest_.push_back(log_heights_[c] - 0.5 * foot2);
            most = std::max(most, log_greatest_.back());
        }
        Moments total;
        for (std::size_t k = 0; k < components.size(); ++k) {
            if (log_greatest_[k] < most - kDepth) continue;
            const Gaussian& component = mixture_[components[k]];
            total.merge(segment_moments(component, rules_, component.whiten(from),
                                        component.whiten(to), length));
        }
        return total;
    }

private:
    const GaussianMixture& mixture_;
    const GaussRules& rules_;
    std::vector<double> log_heights_, log_greatest_;
};

// Of the edges inside a convex polygon. False if interrupted.
inline bool edge_moments(const GaussianMixture& mixture, const GaussRules& rules,
                         const DiagramEdges& diagram, const Polygon& domain, int threads,
                         int (*pending)(), const EdgeMomentArrays& result) {
    return visit_edges(
        mixture, diagram, domain, threads, pending,
        [&] { return SegmentMoments(mixture, rules); },
        [&](SegmentMoments& moments, std::size_t edge, Point from, Point to,
            const std::vector<std::size_t>& components) {
            result.write(edge, moments(from, to, components), diagram.bisector(edge).normal);
        },
        [&](std::size_t edge) { result.write(edge, Moments{}, diagram.bisector(edge).normal); });
}

}  // namespace sdot::gaussian
