// Gaussian components in whitened coordinates, and which of them matter where.
//
// With a covariance S = A A^T the coordinates z = A^-1 (x - mean) make every component the
// standard normal density, and polygons stay polygons: a full covariance costs no more than an
// isotropic one.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "base/box.hpp"
#include "base/geometry.hpp"

namespace sdot::gaussian {

constexpr double kTwoPi = 6.283185307179586476925;
constexpr double kUnderflow = 1300;  // from this r^2 on exp(-r^2 / 2), 1e-282, counts as zero

// Lower triangular matrix.
struct Triangular {
    double xx, yx, yy;

    Point operator*(Point p) const { return {xx * p.x, yx * p.x + yy * p.y}; }
    Point transposed_times(Point p) const { return {xx * p.x + yx * p.y, yy * p.y}; }
};

struct Gaussian {
    double mass;
    Point mean;
    Triangular factor, whitening;  // A and its inverse

    Point whiten(Point x) const { return whitening * (x - mean); }
    Point unwhiten(Point z) const { return mean + factor * z; }
    // The density at the mean.
    double height() const { return mass * whitening.xx * whitening.yy / kTwoPi; }
    double density(Point x) const {
        const Point z = whiten(x);
        return height() * std::exp(-0.5 * dot(z, z));
    }
};

using GaussianMixture = std::vector<Gaussian>;

// What is negligible: against the density that is there, for sums over the components; or against
// the component itself, for its own derivatives, which do not shrink with its mass.
enum class Negligible { kAgainstDensity, kAgainstComponent };

// The components that matter in a box; the others are below 1e-22.
class NearComponents {
public:
    NearComponents(const GaussianMixture& mixture, Negligible negligible)
        : mixture_(mixture), negligible_(negligible) {
        for (const Gaussian& component : mixture)
            log_heights_.push_back(std::log(component.height()));
    }

    const GaussianMixture& mixture() const { return mixture_; }
    Negligible negligible() const { return negligible_; }

    // Indices in increasing order, valid until the next call.
    const std::vector<std::size_t>& in(const Box& box) {
        const bool by_density = negligible_ == Negligible::kAgainstDensity;
        const double none = -std::numeric_limits<double>::infinity();
        double surely = by_density ? none : 0;
        highest_.clear();
        for (std::size_t c = 0; c < mixture_.size(); ++c) {
            double nearest, farthest;
            squared_radii(mixture_[c], box, nearest, farthest);
            const double log_height = by_density ? log_heights_[c] : 0.0;
            highest_.push_back(nearest < kUnderflow ? log_height - 0.5 * nearest : none);
            if (by_density) surely = std::max(surely, log_height - 0.5 * farthest);
        }
        found_.clear();
        for (std::size_t c = 0; c < mixture_.size(); ++c)
            if (highest_[c] > none && highest_[c] > surely - kNegligible) found_.push_back(c);
        return found_;
    }

private:
    static constexpr double kNegligible = 50;  // exp(-50) = 2e-22

    // Bounds of |z|^2 over the box, by intervals.
    static void squared_radii(const Gaussian& component, const Box& box, double& nearest,
                              double& farthest) {
        const Point low = box.low - component.mean, high = box.high - component.mean;
        const Triangular& w = component.whitening;
        const double tilt_low = w.yx >= 0 ? w.yx * low.x : w.yx * high.x;
        const double tilt_high = w.yx >= 0 ? w.yx * high.x : w.yx * low.x;
        nearest = farthest = 0;
        add_square(w.xx * low.x, w.xx * high.x, nearest, farthest);
        add_square(tilt_low + w.yy * low.y, tilt_high + w.yy * high.y, nearest, farthest);
    }

    static void add_square(double low, double high, double& nearest, double& farthest) {
        const double inner = std::max({low, -high, 0.0}), outer = std::max(-low, high);
        nearest += inner * inner;
        farthest += outer * outer;
    }

    const GaussianMixture& mixture_;
    Negligible negligible_;
    std::vector<double> log_heights_, highest_;
    std::vector<std::size_t> found_;
};

}  // namespace sdot::gaussian
