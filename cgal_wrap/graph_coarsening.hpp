// A graph's nodes merged in pairs, and the graph of the groups.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "graph.hpp"

namespace sdot {

// Each node is joined to the free neighbour with the heaviest edge, if there is one.
// Returns the number of groups and fills group_of.
inline std::int32_t match_pairs(const Graph& graph, std::vector<std::int32_t>& group_of) {
    group_of.assign(graph.size(), -1);
    std::int32_t groups = 0;
    for (std::int32_t i = 0; i < graph.size(); ++i) {
        if (group_of[i] >= 0) continue;
        std::int32_t best = -1;
        double heaviest = 0, heaviest_free = 0;
        for (std::int32_t k = graph.offsets[i]; k < graph.offsets[i + 1]; ++k) {
            heaviest = std::max(heaviest, graph.weights[k]);
            if (group_of[graph.neighbors[k]] < 0 && graph.weights[k] > heaviest_free) {
                heaviest_free = graph.weights[k];
                best = graph.neighbors[k];
            }
        }
        // A weak edge makes a bad pair: the node would rather be alone.
        if (best >= 0 && heaviest_free >= 0.1 * heaviest) group_of[best] = groups;
        group_of[i] = groups++;
    }
    return groups;
}

// The members of each group g: starts[g] <= m < starts[g + 1].
struct Groups {
    std::vector<std::int32_t> starts, members;

    Groups() = default;
    Groups(const std::vector<std::int32_t>& group_of, std::int32_t groups)
        : starts(groups + 1, 0), members(group_of.size()) {
        for (const auto group : group_of) ++starts[group + 1];
        for (std::int32_t g = 0; g < groups; ++g) starts[g + 1] += starts[g];
        std::vector<std::int32_t> next(starts.begin(), starts.end() - 1);
        for (std::size_t i = 0; i < group_of.size(); ++i)
            members[next[group_of[i]]++] = static_cast<std::int32_t>(i);
    }
};

// The graph of groups: weights between two groups add up, those inside one vanish.
inline Graph contract(const Graph& graph, const std::vector<std::int32_t>& group_of,
                      std::int32_t groups) {
    const auto [starts, members] = Groups(group_of, groups);
    Graph coarse;
    coarse.offsets.assign(1, 0);
    coarse.offsets.reserve(groups + 1);
    coarse.neighbors.reserve(graph.neighbors.size() / 2);
    coarse.weights.reserve(graph.neighbors.size() / 2);
    std::vector<std::int32_t> place(groups, -1);  // where a neighbour group stands in this row
    for (std::int32_t g = 0; g < groups; ++g) {
        const auto begin = static_cast<std::int32_t>(coarse.neighbors.size());
        for (std::int32_t m = starts[g]; m < starts[g + 1]; ++m) {
            const std::int32_t i = members[m];
            for (std::int32_t k = graph.offsets[i]; k < graph.offsets[i + 1]; ++k) {
                const std::int32_t other = group_of[graph.neighbors[k]];
                if (other == g) continue;
                if (place[other] < begin) {
                    place[other] = static_cast<std::int32_t>(coarse.neighbors.size());
                    coarse.neighbors.push_back(other);
                    coarse.weights.push_back(graph.weights[k]);
                } else {
                    coarse.weights[place[other]] += graph.weights[k];
                }
            }
        }
        coarse.offsets.push_back(static_cast<std::int32_t>(coarse.neighbors.size()));
    }
    coarse.sum_degrees();
    return coarse;
}

}  // namespace sdot
