// Which nodes an elimination concerns.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "base/parallel.hpp"
#include "factor/dissection.hpp"

namespace sdot::factor {

// A supernode, and the nodes outside of it that have edges to it when all that it separates is
// gone: a dense matrix of which the columns of the supernode become columns of the factor, and the
// rest, its border, is added to the front of the parent.
struct Front {
    std::int32_t begin, end;  // the supernode's places in the order
    std::array<std::int32_t, 2> children;
    Indices border;     // places in the order, increasing
    Indices in_parent;  // the rows of the border in the parent's front
    std::size_t first_entry = 0;

    std::size_t own() const { return static_cast<std::size_t>(end - begin); }
    std::size_t rows() const { return own() + border.size(); }
    std::size_t entries() const { return own() * rows(); }

    std::size_t row_of(std::int32_t place) const {
        if (place < end) return static_cast<std::size_t>(place - begin);
        const auto found = std::lower_bound(border.begin(), border.end(), place);
        return own() + static_cast<std::size_t>(found - border.begin());
    }
};

// All fronts of a graph, children before their parents.
class Fronts {
public:
    Fronts(const Graph& graph, const double* positions, int threads) : graph_(graph) {
        Dissection dissection = dissected(graph, positions, threads);
        order = std::move(dissection.order);
        parts = std::move(dissection.parts);
        place_of.resize(order.size());
        for (std::size_t k = 0; k < order.size(); ++k)
            place_of[order[k]] = static_cast<std::int32_t>(k);
        all.reserve(dissection.supernodes.size());
        for (const auto& [begin, end, children] : dissection.supernodes)
            all.push_back({begin, end, children, {}, {}});
        for_each(threads, [this](std::size_t f) { find_border(all[f]); });
        for (Front& front : all) {
            front.first_entry = entries;
            entries += front.entries();
        }
    }

    // body(f) for every front, children first; fronts of several parts at the same time.
    template <class Body>
    void for_each(int threads, const Body& body) const {
        parallel_for(parts.size() - 2, threads, [&](std::size_t first, std::size_t last) {
            InterruptionCheck interrupted;
            for (std::size_t f = parts[first]; f < parts[last]; ++f, interrupted.or_throw()) body(f);
        }, 1);
        InterruptionCheck interrupted;
        for (std::size_t f = *std::prev(parts.end(), 2); f < all.size(); ++f, interrupted.or_throw())
            body(f);
    }

    // The same, parents first.
    template <class Body>
    void for_each_reversed(int threads, const Body& body) const {
        for (std::size_t f = all.size(); f-- > *std::prev(parts.end(), 2);) body(f);
        parallel_for(parts.size() - 2, threads, [&](std::size_t first, std::size_t last) {
            for (std::size_t f = parts[last]; f-- > parts[first];) body(f);
        }, 1);
    }

    Indices order, place_of;  // the node at each place, and the place of each node
    std::vector<Front> all;
    std::vector<std::size_t> parts;  // see Dissection
    std::size_t entries = 0;         // of the factor

private:
    void find_border(Front& front) {
        Indices& border = front.border;
        for (std::int32_t k = front.begin; k < front.end; ++k) {
            const std::int32_t i = order[k];
            for (std::int32_t e = graph_.offsets[i]; e < graph_.offsets[i + 1]; ++e) {
                const std::int32_t place = place_of[graph_.neighbors[e]];
                if (place >= front.end) border.push_back(place);
            }
        }
        std::sort(border.begin(), border.end());
        border.erase(std::unique(border.begin(), border.end()), border.end());
        for (const std::int32_t child : front.children)
            if (child >= 0) add_border(front, all[child].border);
        for (const std::int32_t child : front.children)
            if (child >= 0) place_rows(all[child], front);
    }

    static void add_border(Front& front, const Indices& below) {
        Indices both;
        both.reserve(front.border.size() + below.size());
        std::set_union(front.border.begin(), front.border.end(),
                       std::lower_bound(below.begin(), below.end(), front.end), below.end(),
                       std::back_inserter(both));
        front.border = std::move(both);
    }

    static void place_rows(Front& child, const Front& parent) {
        child.in_parent.reserve(child.border.size());
        auto k = parent.border.begin();
        for (const std::int32_t place : child.border) {
            if (place >= parent.end) k = std::find(k, parent.border.end(), place);
            const auto row = place < parent.end ? place - parent.begin
                                                : parent.end - parent.begin + (k - parent.border.begin());
            child.in_parent.push_back(static_cast<std::int32_t>(row));
        }
    }

    const Graph& graph_;
};

}  // namespace sdot::factor
