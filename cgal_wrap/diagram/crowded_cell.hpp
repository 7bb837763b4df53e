// A cell with very many neighbours, of which a point needs to be compared with few.
//
// Sorted by direction, neighbours that follow each other have sides that nearly line up: they are
// taken in about as many parts as each of these has, and for a part that is surely further away
// from a point than the cell's own site no neighbour is looked at.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/geometry.hpp"
#include "triangulation/power_comparison.hpp"

namespace sdot::diagram {

using triangulation::PowerComparison;

class CrowdedCell {
public:
    struct Part {
        const std::int32_t *begin, *end;
    };

    CrowdedCell(const PowerComparison& powers, std::int32_t site, const std::int32_t* neighbors,
                std::int32_t count)
        : centre_(powers.sites().position(site)), neighbors_(neighbors, neighbors + count) {
        sort_by_direction(powers.sites());
        const auto size = static_cast<std::int32_t>(std::sqrt(count)) + 1;
        for (std::int32_t begin = 0; begin < count; begin += size)
            sides_.push_back(sides(powers.sites(), site, begin, std::min(begin + size, count)));
    }

    // The parts in which there may be a neighbour that is as near to a point as the site is, first
    // the one whose sides it seems to be furthest beyond.
    void parts_in_doubt(const PowerComparison::Query& x, std::vector<Part>& parts) const {
        parts.clear();
        const Point from_site = x.place - centre_;
        const double size = std::abs(from_site.x) + std::abs(from_site.y) + x.doubt.x + x.doubt.y;
        double least = std::numeric_limits<double>::infinity();
        for (const Sides& part : sides_) {
            const double distance = part.offset - part.furthest(from_site);
            if (distance > part.doubt + kRounding * size) continue;
            parts.push_back({&neighbors_[part.begin], neighbors_.data() + part.end});
            if (distance < least) {
                least = distance;
                std::swap(parts.front(), parts.back());
            }
        }
    }

private:
    static constexpr double kRounding = 16 * 0.5 * std::numeric_limits<double>::epsilon();

    // The site's distance from a side, in the direction `normal`, is at least `offset`; all for
    // the neighbours from begin to end.
    struct Sides {
        std::int32_t begin, end;
        double offset, doubt;
        Point least_normal, greatest_normal;

        double furthest(Point from_site) const {
            return std::max(least_normal.x * from_site.x, greatest_normal.x * from_site.x) +
                   std::max(least_normal.y * from_site.y, greatest_normal.y * from_site.y);
        }
    };

    void sort_by_direction(const WeightedSites& sites) {
        std::vector<std::pair<double, std::int32_t>> by_angle;
        by_angle.reserve(neighbors_.size());
        for (const std::int32_t neighbor : neighbors_) {
            const Point across = sites.position(neighbor) - centre_;
            by_angle.emplace_back(std::atan2(across.y, across.x), neighbor);
        }
        std::sort(by_angle.begin(), by_angle.end());
        for (std::size_t k = 0; k < neighbors_.size(); ++k) neighbors_[k] = by_angle[k].second;
    }

    Sides sides(const WeightedSites& sites, std::int32_t site, std::int32_t begin,
                std::int32_t end) const {
        constexpr double kInfinity = std::numeric_limits<double>::infinity();
        Sides result{begin, end, kInfinity, 0, {kInfinity, kInfinity}, {-kInfinity, -kInfinity}};
        for (std::int32_t k = begin; k < end; ++k) {
            const std::int32_t other = neighbors_[k];
            const Point across = sites.position(other) - centre_;
            const double length = std::hypot(across.x, across.y);
            const Point normal = (1 / length) * across;
            const double gap = sites.weight_gap(site, other);
            const double terms = std::abs(sites.weights[site] - sites.weights[other]) +
                                 std::abs(sites.low_weights[site] - sites.low_weights[other]);
            result.offset = std::min(result.offset, 0.5 * (length + gap / length));
            result.doubt = std::max(result.doubt, kRounding * (length + terms / length));
            result.least_normal = {std::min(result.least_normal.x, normal.x),
                                   std::min(result.least_normal.y, normal.y)};
            result.greatest_normal = {std::max(result.greatest_normal.x, normal.x),
                                      std::max(result.greatest_normal.y, normal.y)};
        }
        return result;
    }

    Point centre_;
    std::vector<std::int32_t> neighbors_;
    std::vector<Sides> sides_;
};

}  // namespace sdot::diagram
