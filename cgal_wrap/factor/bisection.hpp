// Cuts a planar graph in two halves and a few nodes between them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "factor/minimum_cut.hpp"
#include "laplacian/graph.hpp"

namespace sdot::factor {

using laplacian::Graph;

// A line halves the nodes; near it a minimum cut finds the fewest of them without which the halves
// fall apart. That takes half of the arithmetic from a factor, against the ends of all edges that
// cross the line. Any number of threads may cut runs that no edge joins.
class Bisection {
public:
    // A graph with a straight edge between the positions of neighbours, and its nodes in any order;
    // `labels` and `places` have -1 for each of them. All are kept, none is copied.
    Bisection(const Graph& graph, const double* positions, Indices& order, Indices& labels,
              Indices& places)
        : graph_(graph), positions_(positions), order_(order), labels_(labels), places_(places) {}

    // Reorders the run begin <= k < end of nodes: the first half, the second one, and last a
    // separator. Returns where the latter two begin.
    std::pair<std::int32_t, std::int32_t> cut(std::int32_t begin, std::int32_t end) {
        middle_ = begin + (end - begin) / 2;
        halve(begin, end);
        for (std::int32_t k = begin; k < end; ++k)
            labels_[order_[k]] = k < middle_ ? kFirst : kSecond;
        find_band(begin, end);
        const bool worth_it = end - begin >= kSmallestFlow;
        if (!worth_it || !cut_band()) cut_ends();
        for (const std::int32_t i : band_) places_[i] = -1;
        return reorder(begin, end);
    }

private:
    // Labels; others are -1 for nodes of separators. No edge leads to nodes of other runs.
    static constexpr std::int32_t kCut = -1, kFirst = 0, kSecond = 1;
    static constexpr std::int32_t kSmallestFlow = 300;  // nodes of a run
    // The band about the line has so many steps beyond its edges, and this part of a half at most.
    static constexpr int kBandSteps = 1;
    static constexpr std::int32_t kBandPart = 4;

    // Across its longer side.
    void halve(std::int32_t begin, std::int32_t end) {
        std::array<double, 4> box{positions_[2 * order_[begin]], positions_[2 * order_[begin]],
                                  positions_[2 * order_[begin] + 1],
                                  positions_[2 * order_[begin] + 1]};
        for (std::int32_t k = begin; k < end; ++k) {
            const double* position = positions_ + 2 * order_[k];
            box = {std::min(box[0], position[0]), std::max(box[1], position[0]),
                   std::min(box[2], position[1]), std::max(box[3], position[1])};
        }
        const double* along = positions_ + (box[3] - box[2] > box[1] - box[0] ? 1 : 0);
        const auto first = order_.begin();
        std::nth_element(first + begin, first + middle_, first + end,
                         [along](std::int32_t i, std::int32_t j) {
                             const double a = along[2 * i], b = along[2 * j];
                             return a < b || (a == b && i < j);
                         });
    }

    // The ends of edges between the halves, and those that are near.
    void find_band(std::int32_t begin, std::int32_t end) {
        band_.clear();
        room_ = {(middle_ - begin) / kBandPart, (end - middle_) / kBandPart};
        for (std::int32_t k = begin; k < middle_; ++k) {
            const std::int32_t i = order_[k];
            for (std::int32_t e = graph_.offsets[i]; e < graph_.offsets[i + 1]; ++e) {
                const std::int32_t j = graph_.neighbors[e];
                if (labels_[j] != kSecond) continue;
                take_into_band(i);
                take_into_band(j);
            }
        }
        ends_ = band_.size();
        if (end - begin < kSmallestFlow) return;
        std::size_t layer = 0;
        for (int step = 0; step < kBandSteps; ++step)
            for (const std::size_t layer_end = band_.size(); layer < layer_end; ++layer) {
                const std::int32_t i = band_[layer];
                for (std::int32_t e = graph_.offsets[i]; e < graph_.offsets[i + 1]; ++e) {
                    const std::int32_t j = graph_.neighbors[e];
                    if (labels_[j] != kCut && room_[labels_[j]] > 0) take_into_band(j);
                }
            }
    }

    void take_into_band(std::int32_t i) {
        if (places_[i] >= 0) return;
        places_[i] = static_cast<std::int32_t>(band_.size());
        band_.push_back(i);
        --room_[labels_[i]];
    }

    // False if there is nothing but the band on one side.
    bool cut_band() {
        flow_.clear();
        std::array<bool, 2> is_joined{false, false};
        for (const std::int32_t i : band_) {
            std::array<bool, 2> joins{false, false};
            for (std::int32_t e = graph_.offsets[i]; e < graph_.offsets[i + 1]; ++e) {
                const std::int32_t j = graph_.neighbors[e];
                if (places_[j] >= 0) flow_.add_neighbor(places_[j]);
                else if (labels_[j] != kCut) joins[labels_[j]] = is_joined[labels_[j]] = true;
            }
            flow_.add_node(joins[kFirst], joins[kSecond]);
        }
        if (!is_joined[kFirst] || !is_joined[kSecond]) return false;
        flow_.solve();
        for (std::size_t b = 0; b < band_.size(); ++b) {
            const auto place = static_cast<std::int32_t>(b);
            labels_[band_[b]] = flow_.is_cut(place) ? kCut
                                : flow_.is_at_source(place) ? kFirst
                                                            : kSecond;
        }
        return true;
    }

    // The ends of edges between the halves, in the half that has fewer of them.
    void cut_ends() {
        std::array<std::size_t, 2> counts{0, 0};
        for (std::size_t b = 0; b < ends_; ++b) ++counts[labels_[band_[b]]];
        const std::int32_t fewer = counts[kFirst] <= counts[kSecond] ? kFirst : kSecond;
        for (std::size_t b = 0; b < ends_; ++b)
            if (labels_[band_[b]] == fewer) labels_[band_[b]] = kCut;
    }

    std::pair<std::int32_t, std::int32_t> reorder(std::int32_t begin, std::int32_t end) {
        second_.clear();
        separator_.clear();
        std::int32_t kept = begin;
        for (std::int32_t k = begin; k < end; ++k) {
            const std::int32_t i = order_[k];
            if (labels_[i] == kFirst) order_[kept++] = i;
            else (labels_[i] == kSecond ? second_ : separator_).push_back(i);
        }
        std::copy(separator_.begin(), separator_.end(),
                  std::copy(second_.begin(), second_.end(), order_.begin() + kept));
        return {kept, kept + static_cast<std::int32_t>(second_.size())};
    }

    const Graph& graph_;
    const double* positions_;
    Indices &order_, &labels_, &places_;
    std::int32_t middle_ = 0;
    Indices band_;  // places_: where a node is in it
    std::size_t ends_ = 0;
    std::array<std::int32_t, 2> room_{};  // nodes that each half may still give to the band
    MinimumCut flow_;
    Indices second_, separator_;
};

}  // namespace sdot::factor
