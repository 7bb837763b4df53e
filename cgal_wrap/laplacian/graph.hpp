// A weighted graph: products with its Laplacian, Gauss-Seidel sweeps, connected parts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/parallel.hpp"
#include "laplacian/vectors.hpp"

namespace sdot::laplacian {

// A weighted graph; its Laplacian has the weighted degrees on the diagonal and minus the
// weights off it. Neighbours of node i: offsets[i] <= k < offsets[i + 1]; those before
// middles[i] have lower numbers than i, the others higher ones.
struct Graph {
    std::vector<std::int32_t> offsets, middles, neighbors;
    Vector weights, degrees, inverse_degrees;

    std::int32_t size() const { return static_cast<std::int32_t>(degrees.size()); }

    static Graph from_edges(std::size_t nodes, std::size_t edges, const std::int32_t* ends,
                            const double* edge_weights) {
        const auto counts = [&](std::size_t e) {
            return edge_weights[e] > 0 && ends[2 * e] != ends[2 * e + 1];
        };
        Graph graph;
        graph.offsets.assign(nodes + 1, 0);
        graph.middles.assign(nodes, 0);
        for (std::size_t e = 0; e < edges; ++e) {
            if (!counts(e)) continue;
            ++graph.offsets[ends[2 * e] + 1];
            ++graph.offsets[ends[2 * e + 1] + 1];
            ++graph.middles[std::max(ends[2 * e], ends[2 * e + 1])];
        }
        for (std::size_t i = 0; i < nodes; ++i) {
            graph.offsets[i + 1] += graph.offsets[i];
            graph.middles[i] += graph.offsets[i];
        }
        graph.neighbors.resize(graph.offsets[nodes]);
        graph.weights.resize(graph.offsets[nodes]);
        std::vector<std::int32_t> next_lower(graph.offsets.begin(), graph.offsets.end() - 1);
        std::vector<std::int32_t> next_higher(graph.middles);
        for (std::size_t e = 0; e < edges; ++e) {
            if (!counts(e)) continue;
            const auto [low, high] = std::minmax(ends[2 * e], ends[2 * e + 1]);
            const std::int32_t of_low = next_higher[low]++, of_high = next_lower[high]++;
            graph.neighbors[of_low] = high;
            graph.neighbors[of_high] = low;
            graph.weights[of_low] = graph.weights[of_high] = edge_weights[e];
        }
        graph.sum_degrees();
        return graph;
    }

    // Put the lower neighbours of the last row first.
    void part_last_row() {
        const auto i = static_cast<std::int32_t>(middles.size());
        std::int32_t low = offsets[i], high = offsets[i + 1];
        while (low < high) {
            if (neighbors[low] < i) {
                ++low;
            } else {
                --high;
                std::swap(neighbors[low], neighbors[high]);
                std::swap(weights[low], weights[high]);
            }
        }
        middles.push_back(low);
    }

    void sum_degrees() {
        const std::size_t nodes = offsets.size() - 1;
        degrees.assign(nodes, 0.0);
        inverse_degrees.assign(nodes, 0.0);
        for (std::size_t i = 0; i < nodes; ++i) {
            double sum = 0;
            for (std::int32_t k = offsets[i]; k < offsets[i + 1]; ++k) sum += weights[k];
            degrees[i] = sum;
            if (sum > 0) inverse_degrees[i] = 1 / sum;
        }
    }

    // By differences: nodes tied by a heavy edge have almost the same x, and what is left
    // of it must not drown in the rounding of degree * x.
    double row_times(const Vector& x, std::int32_t i) const {
        double sum = 0;
        for (std::int32_t k = offsets[i]; k < offsets[i + 1]; ++k)
            sum += weights[k] * (x[i] - x[neighbors[k]]);
        return sum;
    }

    void multiply(const Vector& x, Vector& result, int threads) const {
        parallel_for(degrees.size(), threads, [&](std::size_t begin, std::size_t end) {
            for (auto i = static_cast<std::int32_t>(begin); i < static_cast<std::int32_t>(end); ++i)
                result[i] = row_times(x, i);
        }, kParallelRows);
    }

    // Gauss-Seidel from x = 0, in increasing order on each block. The other blocks are taken as
    // they were before, here zero. Nodes are numbered along a curve that fills the plane, so few
    // edges lead from one block to another.
    void forward_sweep(const Vector& right_side, Vector& x, int threads) const {
        for_each_block(degrees.size(), threads, [&](std::size_t begin, std::size_t end) {
            const auto first = static_cast<std::int32_t>(begin);
            for (std::int32_t i = first; i < static_cast<std::int32_t>(end); ++i) {
                double sum = right_side[i];
                for (std::int32_t k = offsets[i]; k < middles[i]; ++k)
                    if (neighbors[k] >= first) sum += weights[k] * x[neighbors[k]];
                x[i] = sum * inverse_degrees[i];
            }
        }, kParallelRows);
    }

    // What is left of the right side of a row after a forward sweep: the terms that this did not
    // see.
    double residual_of_sweep(const Vector& x, std::int32_t i) const {
        double sum = 0;
        for (std::int32_t k = middles[i]; k < offsets[i + 1]; ++k)
            sum += weights[k] * x[neighbors[k]];
        const auto first = static_cast<std::int32_t>(i / kBlock * kBlock);
        if (first > 0)
            for (std::int32_t k = offsets[i]; k < middles[i]; ++k)
                if (neighbors[k] < first) sum += weights[k] * x[neighbors[k]];
        return sum;
    }

    // Gauss-Seidel in decreasing order on each block, from an x of which `before` is a copy; not
    // needed for one block.
    void backward_sweep(const Vector& right_side, const Vector& before, Vector& x,
                        int threads) const {
        for_each_block(degrees.size(), threads, [&](std::size_t begin, std::size_t end) {
            const auto first = static_cast<std::int32_t>(begin);
            const auto last = static_cast<std::int32_t>(end);
            for (std::int32_t i = last; i-- > first;) {
                double sum = right_side[i];
                for (std::int32_t k = offsets[i]; k < middles[i]; ++k) {
                    const std::int32_t j = neighbors[k];
                    sum += weights[k] * (j >= first ? x[j] : before[j]);
                }
                // The next node's x, which has only just been found, comes last.
                for (std::int32_t k = offsets[i + 1]; k-- > middles[i];) {
                    const std::int32_t j = neighbors[k];
                    sum += weights[k] * (j < last ? x[j] : before[j]);
                }
                x[i] = sum * inverse_degrees[i];
            }
        }, kParallelRows);
    }
};

// A number for the connected part of each node.
inline std::vector<std::int32_t> connected_parts(const Graph& graph) {
    std::vector<std::int32_t> part_of(graph.size(), -1), stack;
    std::int32_t parts = 0;
    for (std::int32_t start = 0; start < graph.size(); ++start) {
        if (part_of[start] >= 0) continue;
        part_of[start] = parts;
        stack.push_back(start);
        while (!stack.empty()) {
            const std::int32_t i = stack.back();
            stack.pop_back();
            for (std::int32_t k = graph.offsets[i]; k < graph.offsets[i + 1]; ++k) {
                const std::int32_t j = graph.neighbors[k];
                if (part_of[j] >= 0) continue;
                part_of[j] = parts;
                stack.push_back(j);
            }
        }
        ++parts;
    }
    return part_of;
}

}  // namespace sdot::laplacian
