// A visit of the edges of a diagram, with the components of a mixture that matter near each.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/box.hpp"
#include "base/geometry.hpp"
#include "base/interruption.hpp"
#include "base/parallel.hpp"
#include "diagram/edges.hpp"
#include "gaussian/mixture.hpp"
#include "gaussian/segments.hpp"

namespace sdot::gaussian {

using diagram::DiagramEdges;
using diagram::EdgeLines;
using diagram::Line;

// The part of the line inside a convex polygon; false if there is none.
inline bool cut_to_polygon(const Line& line, const Polygon& domain, Point& from, Point& to) {
    double begin = line.begin, end = line.end;
    for (std::size_t k = 0; k < domain.size(); ++k) {
        const Point corner = domain[k], side = domain[k + 1 < domain.size() ? k + 1 : 0] - corner;
        const double inside = cross(side, line.origin - corner), slope = cross(side, line.direction);
        if (slope == 0) {
            if (inside < 0) return false;
        } else if (slope > 0) {
            begin = std::max(begin, -inside / slope);
        } else {
            end = std::min(end, -inside / slope);
        }
    }
    if (!(begin < end)) return false;
    from = line.at(begin);
    to = line.at(end);
    return true;
}

// Edges that look up the components near them together.
constexpr std::size_t kEdgesOfBlock = 32;

inline std::size_t edge_block(std::size_t edge) { return edge / kEdgesOfBlock; }
inline std::size_t edge_blocks(const DiagramEdges& diagram) {
    return (diagram.count + kEdgesOfBlock - 1) / kEdgesOfBlock;
}

// Shows every edge that meets the domain, a convex polygon: visit(worker, edge, from, to,
// components), with what make_worker() returns for each thread; and calls miss(edge) for the others.
// Returns false if interrupted.
template <class MakeWorker, class Visit, class Miss>
bool visit_edges(const GaussianMixture& mixture, const DiagramEdges& diagram, const Polygon& domain,
                 int threads, int (*pending)(), const MakeWorker& make_worker, const Visit& visit,
                 const Miss& miss) {
    Box box;
    for (Point corner : domain) box.include(corner);
    const EdgeLines lines(diagram, box.low, box.high);
    const auto walk = [&](std::size_t begin, std::size_t end) {
        NearComponents near(mixture, Negligible::kAgainstDensity);
        auto worker = make_worker();
        Point from[kEdgesOfBlock], to[kEdgesOfBlock];
        bool meets[kEdgesOfBlock];
        for (std::size_t block = begin; block < end; ++block) {
            const std::size_t first = block * kEdgesOfBlock;
            const std::size_t count = std::min(kEdgesOfBlock, diagram.count - first);
            Box around;
            for (std::size_t k = 0; k < count; ++k) {
                meets[k] = cut_to_polygon(lines.line(first + k), domain, from[k], to[k]);
                if (!meets[k]) {
                    miss(first + k);
                    continue;
                }
                around.include(from[k]);
                around.include(to[k]);
            }
            if (!(around.low.x <= around.high.x)) continue;
            const std::vector<std::size_t>& components = near.in(around);
            for (std::size_t k = 0; k < count; ++k)
                if (meets[k]) visit(worker, first + k, from[k], to[k], components);
        }
    };
    return interruptible_for(edge_blocks(diagram), 512, threads, pending, walk, 8);
}

}  // namespace sdot::gaussian
