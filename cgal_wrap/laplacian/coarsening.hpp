// A graph's nodes merged in pairs, and the graph of the groups.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "laplacian/graph.hpp"

namespace sdot::laplacian {

// Edges are weak that are lighter by these factors than the heaviest one of a node, and than
// those inside of it.
constexpr double kWeakEdge = 0.1;
constexpr double kWeakAgainstTies = 0.01;

// Nodes joined in pairs, some alone.
struct Pairs {
    std::int32_t count = 0;
    std::vector<std::int32_t> pair_of;  // of each node
    Vector ties;                        // the heaviest edge inside of each pair, or of its nodes
};

// Each node is joined to the free neighbour with the heaviest edge, if there is one. The edges
// inside of the nodes, ties, are those of pairs that they are made of.
inline Pairs match_pairs(const Graph& graph, const Vector& ties) {
    Pairs result;
    result.pair_of.assign(graph.size(), -1);
    for (std::int32_t i = 0; i < graph.size(); ++i) {
        if (result.pair_of[i] >= 0) continue;
        std::int32_t best = -1;
        double heaviest = 0, heaviest_free = 0;
        for (std::int32_t k = graph.offsets[i]; k < graph.offsets[i + 1]; ++k) {
            heaviest = std::max(heaviest, graph.weights[k]);
            if (result.pair_of[graph.neighbors[k]] < 0 && graph.weights[k] > heaviest_free) {
                heaviest_free = graph.weights[k];
                best = graph.neighbors[k];
            }
        }
        double tie = ties[i];
        // A weak edge makes a bad pair: the node would rather be alone. One that is weaker by far
        // than those inside of the nodes leaves them to move against each other as rigid bodies,
        // which neither Gauss-Seidel nor the coarse graph could do.
        if (best >= 0 && heaviest_free >= kWeakEdge * heaviest &&
            heaviest_free >= kWeakAgainstTies * std::max(tie, ties[best])) {
            result.pair_of[best] = result.count;
            tie = std::max({tie, ties[best], heaviest_free});
        }
        result.pair_of[i] = result.count++;
        result.ties.push_back(tie);
    }
    return result;
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
    coarse.middles.reserve(groups);
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
        coarse.part_last_row();
    }
    coarse.sum_degrees();
    return coarse;
}

}  // namespace sdot::laplacian
