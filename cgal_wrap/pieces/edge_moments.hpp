// Mass, centroid and variance of a density on convex pieces along the edges of a power diagram.
#pragma once

#include <cstddef>
#include <vector>

#include "base/box.hpp"
#include "base/geometry.hpp"
#include "base/moments.hpp"
#include "diagram/edge_moments.hpp"
#include "pieces/batches.hpp"
#include "pieces/convex_pieces.hpp"
#include "pieces/edges.hpp"
#include "pieces/search.hpp"

namespace sdot::pieces {

using diagram::EdgeMomentArrays;

// What pieces that an edge runs along have to its left and to its right.
struct SideMasses {
    double left = 0, right = 0;
};

// Merges what is inside one piece.
inline void add_piece(const ConvexPieces& pieces, std::size_t piece, const Segment& segment,
                      Moments& moments, SideMasses& sides) {
    double from, to, share;
    if (!segment.cut_to(pieces, piece, from, to, share)) return;
    const Point direction = segment.line.direction;
    const double length = (to - from) * std::sqrt(dot(direction, direction));
    RawMoments sums;
    sums.origin = segment.line.origin + 0.5 * (from + to) * direction;
    // Two nodes of Gauss and Legendre, exact for an affine density times squares.
    const Point reach = (0.5 / std::sqrt(3.0) * (to - from)) * direction;
    for (const double sign : {-1.0, 1.0})
        sums.add(sign * reach,
                 0.5 * share * length * pieces.density(piece, sums.origin + sign * reach));
    moments.merge(sums.central());
    if (share == 1) return;
    Point centre{0, 0};
    for (std::size_t k = 0; k < pieces.corner_count(piece); ++k)
        centre = centre + pieces.corners(piece)[k] - segment.line.origin;
    (cross(direction, centre) > 0 ? sides.left : sides.right) += sums.mass;
}

// Of every edge, or of what of it cut(line, e) leaves, false for nothing. False if interrupted.
template <class Cut>
bool edge_moments(const ConvexPieces& pieces, const PieceTree& tree, const DiagramEdges& diagram,
                  int threads, int (*pending)(), const Cut& cut, const EdgeMomentArrays& result) {
    const Box& around = tree.box(tree.root());
    const EdgeLines lines(diagram, around.low, around.high);
    return for_batches(diagram.count, threads, pending, [&] { return PieceSearch(tree); },
                       [&](PieceSearch& search, std::size_t begin, std::size_t end) {
        std::vector<Segment> segments;
        std::vector<Box> boxes;
        std::vector<std::size_t> edges;
        for (std::size_t e = begin; e < end; ++e) {
            Line line = lines.line(e);
            result.write(e, {}, diagram.bisector(e).normal);
            if (!cut(line, e)) continue;
            Segment segment{line, line.begin, line.end};
            if (!segment.cut_to(around)) continue;
            segments.push_back(segment);
            boxes.push_back(segment.box());
            edges.push_back(e);
        }
        std::vector<Moments> totals(edges.size());
        std::vector<SideMasses> sides(edges.size());
        search.run(
            boxes,
            [&](std::size_t k, std::size_t piece) {
                add_piece(pieces, piece, segments[k], totals[k], sides[k]);
            },
            [](std::size_t) {});
        for (std::size_t k = 0; k < edges.size(); ++k) {
            if (diagram::is_jump(sides[k].left, sides[k].right)) result.write_jump(edges[k]);
            else result.write(edges[k], totals[k], diagram.bisector(edges[k]).normal);
        }
    });
}

inline bool edge_moments(const ConvexPieces& pieces, const PieceTree& tree,
                         const DiagramEdges& diagram, int threads, int (*pending)(),
                         const EdgeMomentArrays& result) {
    const auto cut = [](const Line&, std::size_t) { return true; };
    return edge_moments(pieces, tree, diagram, threads, pending, cut, result);
}

}  // namespace sdot::pieces
