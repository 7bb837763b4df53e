// In whose cell is a point? A walk from cell to cell, downhill in power.
//
// Seen from a site, some neighbour's power at the point is less unless no site's is: the cell is
// what the bisectors with the neighbours leave. So a walk to neighbours of less power ends in the
// right cell, whatever the weights; every step is decided exactly, so it does end.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/geometry.hpp"
#include "base/interruption.hpp"
#include "base/parallel.hpp"
#include "diagram/crowded_cell.hpp"
#include "triangulation/hilbert_order.hpp"
#include "triangulation/power_comparison.hpp"

namespace sdot::diagram {

// The neighbours of site i are neighbors[offsets[i]] and on. Of sites that are equally near the one
// of least rank is found.
struct SiteGraph {
    const std::int32_t *offsets, *neighbors;
    const std::uint8_t* is_hidden;
    const std::int64_t* ranks;

    std::int32_t degree(std::int32_t i) const { return offsets[i + 1] - offsets[i]; }
    const std::int32_t* first(std::int32_t i) const { return neighbors + offsets[i]; }
};

// Walks from point to point; the next one is best near the last.
class PowerWalk {
public:
    using Query = PowerComparison::Query;

    PowerWalk(const PowerComparison& powers, const SiteGraph& graph, std::int32_t start)
        : powers_(powers), graph_(graph), site_(start) {}

    // The nearest site by power, whose cell holds the point.
    std::int32_t to(Point x) {
        const Query query = powers_.query(x);
        while (step(query)) {}
        return equal_.empty() ? site_ : least_rank(query);
    }

private:
    static constexpr std::int32_t kCrowd = 64;               // neighbours
    static constexpr std::int32_t kVisits = 3;               // before it is worth sorting them
    static constexpr std::size_t kNeighborsPerLook = 1 << 16;  // for a pending signal

    // Goes to a neighbour that is nearer if there is one, and else keeps those that are as near.
    bool step(const Query& x) {
        equal_.clear();
        look_for_signals(site_);
        const CrowdedCell* cell = crowded_cell();
        if (cell == nullptr) return step(x, graph_.first(site_), graph_.first(site_ + 1));
        cell->parts_in_doubt(x, parts_);
        for (const auto& part : parts_)
            if (step(x, part.begin, part.end)) return true;
        return false;
    }

    bool step(const Query& x, const std::int32_t* begin, const std::int32_t* end) {
        std::int32_t best = -1;
        double least = 0;
        open_.clear();
        for (const std::int32_t* other = begin; other < end; ++other) {
            const auto [value, bound] = powers_.gap(x, site_, *other);
            if (value > bound) continue;
            if (value >= -bound) open_.push_back(*other);
            else if (value < least) least = value, best = *other;
        }
        if (best < 0) best = decide(x);
        if (best >= 0) site_ = best;
        return best >= 0;
    }

    // Those for which doubles do not tell: one that is nearer, or -1.
    std::int32_t decide(const Query& x) {
        for (const std::int32_t other : open_) {
            const int sign = powers_.exact_sign(x, site_, other);
            if (sign < 0) return other;
            if (sign == 0) equal_.push_back(other);
        }
        return -1;
    }

    // Sites that are equally near are neighbours of each other, or of others like them.
    std::int32_t least_rank(const Query& x) {
        std::unordered_set<std::int32_t> known(equal_.begin(), equal_.end());
        known.insert(site_);
        std::int32_t best = site_;
        while (!equal_.empty()) {
            const std::int32_t site = equal_.back();
            equal_.pop_back();
            look_for_signals(site);
            if (graph_.ranks[site] < graph_.ranks[best]) best = site;
            for (const auto* other = graph_.first(site); other < graph_.first(site + 1); ++other)
                if (powers_.sign(x, site_, *other) == 0 && known.insert(*other).second)
                    equal_.push_back(*other);
        }
        return best;
    }

    // None for a cell that has few neighbours, or has hardly been visited.
    const CrowdedCell* crowded_cell() {
        const std::int32_t degree = graph_.degree(site_);
        if (degree < kCrowd) return nullptr;
        Crowd& crowd = crowds_[site_];
        if (++crowd.visits < kVisits) return nullptr;
        if (!crowd.cell)
            crowd.cell = std::make_unique<CrowdedCell>(powers_, site_, graph_.first(site_), degree);
        return crowd.cell.get();
    }

    void look_for_signals(std::int32_t site) {
        looked_at_ += graph_.degree(site);
        if (looked_at_ < kNeighborsPerLook) return;
        looked_at_ = 0;
        interrupted_.or_throw();
    }

    struct Crowd {
        std::int64_t visits = 0;
        std::unique_ptr<CrowdedCell> cell;
    };

    const PowerComparison& powers_;
    const SiteGraph& graph_;
    std::int32_t site_;
    std::vector<std::int32_t> open_, equal_;
    std::unordered_map<std::int32_t, Crowd> crowds_;
    std::vector<CrowdedCell::Part> parts_;
    std::size_t looked_at_ = 0;  // neighbours, since the last look for signals
    InterruptionCheck interrupted_;
};

class PointLocation {
public:
    PointLocation(const PowerComparison& powers, const SiteGraph& graph)
        : powers_(powers), graph_(graph), samples_(sampled_sites()) {}

    // Points are taken in blocks, each along a curve and from a start of its own.
    void find(const Point* points, std::size_t count, int threads, std::int64_t* found) const {
        const std::size_t blocks = (count + kBlock - 1) / kBlock;
        parallel_for(blocks, threads, [&](std::size_t begin, std::size_t end) {
            for (std::size_t block = begin; block < end; ++block) {
                const std::size_t first = block * kBlock;
                find_block(points + first, std::min(kBlock, count - first), found + first);
            }
        }, 1);
    }

private:
    static constexpr std::size_t kBlock = std::size_t{1} << 15;

    void find_block(const Point* points, std::size_t count, std::int64_t* found) const {
        std::vector<std::int32_t> order(count);
        triangulation::hilbert_order(&points->x, count, order.data());
        PowerWalk walk(powers_, graph_, nearest_sample(points[order[0]]));
        for (const std::int32_t k : order) found[k] = graph_.ranks[walk.to(points[k])];
    }

    // As many as the cube root: the walk from the nearest is as long then (Muecke, Saias and Zhu,
    // Fast randomized point location without preprocessing, 1996).
    std::vector<std::int32_t> sampled_sites() const {
        const auto sites = static_cast<std::int32_t>(powers_.sites().count);
        const auto stride = static_cast<std::int32_t>(std::pow(sites, 2.0 / 3.0));
        std::vector<std::int32_t> samples;
        for (std::int32_t i = 0; i < sites; i += std::max(1, stride))
            if (!graph_.is_hidden[i]) samples.push_back(i);
        for (std::int32_t i = 0; samples.empty(); ++i)
            if (!graph_.is_hidden[i]) samples.push_back(i);
        return samples;
    }

    std::int32_t nearest_sample(Point point) const {
        const auto query = powers_.query(point);
        std::int32_t best = samples_.front();
        for (const std::int32_t sample : samples_)
            if (powers_.gap(query, best, sample).value < 0) best = sample;
        return best;
    }

    const PowerComparison& powers_;
    const SiteGraph& graph_;
    std::vector<std::int32_t> samples_;
};

inline void locate(const PowerComparison& powers, const SiteGraph& graph, const Point* points,
                   std::size_t count, int threads, std::int64_t* found) {
    PointLocation(powers, graph).find(points, count, threads, found);
}

}  // namespace sdot::diagram
