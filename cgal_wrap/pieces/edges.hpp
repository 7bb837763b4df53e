// Integrals of a density on convex pieces along the edges of a power diagram.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "base/box.hpp"
#include "base/geometry.hpp"
#include "diagram/edges.hpp"
#include "pieces/batches.hpp"
#include "pieces/convex_pieces.hpp"
#include "pieces/search.hpp"

namespace sdot::pieces {

using diagram::DiagramEdges;
using diagram::EdgeLines;
using diagram::Line;

// The part of a line between two parameters.
struct Segment {
    Line line;
    double begin, end;

    // Whether anything is left of it inside a box.
    bool cut_to(const Box& box) {
        const auto cut = [&](double origin, double slope, double low, double high) {
            if (slope == 0) return origin >= low && origin <= high;
            const double one = (low - origin) / slope, other = (high - origin) / slope;
            begin = std::max(begin, std::min(one, other));
            end = std::min(end, std::max(one, other));
            return true;
        };
        return cut(line.origin.x, line.direction.x, box.low.x, box.high.x) &&
               cut(line.origin.y, line.direction.y, box.low.y, box.high.y) && begin < end;
    }

    Box box() const {
        const Point ends[2] = {line.at(begin), line.at(end)};
        return Box::around(ends, 2);
    }

    // The part inside a piece, false if there is none. A line along a side is shared half and half
    // by the pieces on either side of it.
    bool cut_to(const ConvexPieces& pieces, std::size_t piece, double& from, double& to,
                double& share) const {
        from = begin;
        to = end;
        share = 1;
        return pieces.every_side(piece, [&](const PieceSide& side) {
            const double value = side(line.origin), slope = side.slope(line.direction);
            if (slope > 0) to = std::min(to, -value / slope);
            else if (slope < 0) from = std::max(from, -value / slope);
            else if (value > 0) return false;
            else if (value == 0) share = 0.5;
            return from < to;
        });
    }

    // The integral of the density inside a piece.
    double integral(const ConvexPieces& pieces, std::size_t piece) const {
        double from, to, share;
        if (!cut_to(pieces, piece, from, to, share)) return 0;
        const Point middle = line.origin + 0.5 * (from + to) * line.direction;
        const double length = std::sqrt(dot(line.direction, line.direction));
        return share * (to - from) * length * pieces.density(piece, middle);
    }
};

// edge_weights[e] = (1 / (2 |y_i - y_j|)) * integral of the density along edge e, or along what of
// it cut(line, e) leaves, false for nothing.
template <class Cut>
bool piece_edge_weights(const ConvexPieces& pieces, const PieceTree& tree,
                        const DiagramEdges& diagram, int threads, int (*pending)(), const Cut& cut,
                        double* edge_weights) {
    const Box& around = tree.box(tree.root());
    const EdgeLines lines(diagram, around.low, around.high);
    return for_batches(diagram.count, threads, pending, [&] { return PieceSearch(tree); },
                       [&](PieceSearch& search, std::size_t begin, std::size_t end) {
        std::vector<Segment> segments;
        std::vector<Box> boxes;
        std::vector<std::size_t> edges;
        for (std::size_t e = begin; e < end; ++e) {
            edge_weights[e] = 0;
            Line line = lines.line(e);
            if (!cut(line, e)) continue;
            Segment segment{line, line.begin, line.end};
            if (!segment.cut_to(around)) continue;
            segments.push_back(segment);
            boxes.push_back(segment.box());
            edges.push_back(e);
        }
        std::vector<double> blocks(edges.size());
        search.run(
            boxes,
            [&](std::size_t k, std::size_t piece) {
                blocks[k] += segments[k].integral(pieces, piece);
            },
            [&](std::size_t k) {
                edge_weights[edges[k]] += blocks[k];
                blocks[k] = 0;
            });
        for (const std::size_t e : edges) {
            const Point normal = diagram.bisector(e).normal;
            edge_weights[e] /= 2 * std::sqrt(dot(normal, normal));
        }
    });
}

inline bool piece_edge_weights(const ConvexPieces& pieces, const PieceTree& tree,
                               const DiagramEdges& diagram, int threads, int (*pending)(),
                               double* edge_weights) {
    const auto cut = [](const Line&, std::size_t) { return true; };
    return piece_edge_weights(pieces, tree, diagram, threads, pending, cut, edge_weights);
}

}  // namespace sdot::pieces
