// The order of elimination: nested dissection.
//
// A graph is cut in two halves and a separator, which is eliminated last, and so is each half.
// (George, Nested dissection of a regular finite element mesh, SIAM J. Numer. Anal. 10, 1973.)
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "base/interruption.hpp"
#include "base/parallel.hpp"
#include "factor/bisection.hpp"

namespace sdot::factor {

// Nodes that are eliminated together, a separator or a small part of the graph: they have the
// places begin <= k < end in the order.
struct Supernode {
    std::int32_t begin, end;
    std::array<std::int32_t, 2> children;  // what it separates; -1 for nothing
};

// Supernodes in parts, one after the other: those of a part need nothing of other ones, but for the
// last part, which has what separates the others. Children come before their parents.
struct Dissection {
    Indices order;  // the node that is eliminated k-th
    std::vector<Supernode> supernodes;
    std::vector<std::size_t> parts;  // part p: parts[p] <= k < parts[p + 1]

    std::size_t independent_parts() const { return parts.size() - 2; }
};

// Cuts a run of nodes, its pieces, and so on.
class Cutter {
public:
    struct Run {
        std::int32_t begin, end;
    };

    explicit Cutter(Bisection bisection) : bisection_(std::move(bisection)) {}

    // Returns the number of the supernode that ends the run, the last one of them. Pieces of at
    // most `enough` nodes are left over, with the numbers -2, -3, ...
    std::int32_t cut(std::int32_t begin, std::int32_t end, std::int32_t enough = 0) {
        if (begin == end) return -1;
        if (end - begin <= enough) {
            left_over.push_back({begin, end});
            return -1 - static_cast<std::int32_t>(left_over.size());
        }
        Supernode supernode{begin, end, {-1, -1}};
        if (end - begin > kSmallest) {
            interrupted_.or_throw();
            const auto [second, separator] = bisection_.cut(begin, end);
            supernode.children = {cut(begin, second, enough), cut(second, separator, enough)};
            supernode.begin = separator;
        }
        supernodes.push_back(supernode);
        return static_cast<std::int32_t>(supernodes.size()) - 1;
    }

    std::vector<Supernode> supernodes;
    std::vector<Run> left_over;

private:
    static constexpr std::int32_t kSmallest = 12;  // nodes that are not cut any more

    Bisection bisection_;
    InterruptionCheck interrupted_;
};

// Adds a part; of its children those that are parts are numbered from -2 on.
inline void append_part(Dissection& dissection, const std::vector<Supernode>& part) {
    const auto base = static_cast<std::int32_t>(dissection.supernodes.size());
    for (Supernode supernode : part) {
        for (std::int32_t& child : supernode.children) {
            if (child >= 0) child += base;
            if (child < -1) child = static_cast<std::int32_t>(dissection.parts[-1 - child]) - 1;
        }
        dissection.supernodes.push_back(supernode);
    }
    dissection.parts.push_back(dissection.supernodes.size());
}

// Of a graph with a straight edge between the positions of neighbours.
inline Dissection dissected(const Graph& graph, const double* positions, int threads) {
    // Enough parts for many threads, none so small that it is not worth one.
    constexpr std::int32_t kSmallestPart = 2048, kParts = 64;
    Dissection result{Indices(graph.size()), {}, {0}};
    std::iota(result.order.begin(), result.order.end(), 0);
    Indices labels(graph.size(), -1), places(graph.size(), -1);
    const Bisection bisection(graph, positions, result.order, labels, places);
    Cutter top(bisection);
    top.cut(0, graph.size(), std::max(kSmallestPart, graph.size() / kParts));
    const auto& runs = top.left_over;
    std::vector<Cutter> cutters(runs.size(), Cutter(bisection));
    parallel_for(runs.size(), threads, [&](std::size_t first, std::size_t last) {
        for (std::size_t r = first; r < last; ++r) cutters[r].cut(runs[r].begin, runs[r].end);
    }, 1);
    for (const Cutter& cutter : cutters) append_part(result, cutter.supernodes);
    append_part(result, top.supernodes);
    return result;
}

}  // namespace sdot::factor
