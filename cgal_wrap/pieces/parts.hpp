// Parts of cells and edges inside convex pieces, for densities that are restricted to a shape: they
// are handed to the integrals of the density itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/box.hpp"
#include "base/convex_polygons.hpp"
#include "base/geometry.hpp"
#include "base/interruption.hpp"
#include "base/parallel.hpp"
#include "diagram/edges.hpp"
#include "pieces/batches.hpp"
#include "pieces/convex_pieces.hpp"
#include "pieces/cutter.hpp"
#include "pieces/edges.hpp"
#include "pieces/search.hpp"

namespace sdot::pieces {

// Part p is the convex polygon points[ends[p - 1]] ... points[ends[p] - 1], of polygon owners[p].
struct CellParts {
    std::vector<Point> points;
    std::vector<std::int64_t> ends, owners;

    void add(std::size_t owner, const Polygon& part) {
        points.insert(points.end(), part.begin(), part.end());
        ends.push_back(static_cast<std::int64_t>(points.size()));
        owners.push_back(static_cast<std::int64_t>(owner));
    }

    void append(const CellParts& other) {
        const auto before = static_cast<std::int64_t>(points.size());
        points.insert(points.end(), other.points.begin(), other.points.end());
        for (const std::int64_t end : other.ends) ends.push_back(before + end);
        owners.insert(owners.end(), other.owners.begin(), other.owners.end());
    }
};

// Of edge owners[p], from ends[2 p] to ends[2 p + 1]. A part along a side of a piece is one of that
// piece by half: sides[p] is 1 if the piece is on its left, -1 if it is on its right, and else 0.
struct EdgeParts {
    std::vector<Point> ends;
    std::vector<std::int64_t> owners;
    std::vector<std::int8_t> sides;

    void append(const EdgeParts& other) {
        ends.insert(ends.end(), other.ends.begin(), other.ends.end());
        owners.insert(owners.end(), other.owners.begin(), other.owners.end());
        sides.insert(sides.end(), other.sides.begin(), other.sides.end());
    }
};

// Appends the parts of polygons in pieces, in an order that does not depend on the number of
// threads. False if interrupted.
inline bool cell_parts(const ConvexPieces& pieces, const PieceTree& tree,
                       const ConvexPolygons& polygons, int threads, int (*pending)(),
                       CellParts& all) {
    return for_portions(polygons.count, kPortion, pending, [&](std::size_t first, std::size_t last) {
        std::vector<CellParts> found((last - first + kBatch - 1) / kBatch);
        run_batches(first, last, threads, [&] { return PieceCutter(pieces, tree); },
                    [&](PieceCutter& cutter, std::size_t begin, std::size_t end) {
            cutter.clear();
            for (std::size_t i = begin; i < end; ++i)
                cutter.add(i, polygons.corners(i), polygons.size(i));
            CellParts& parts = found[(begin - first) / kBatch];
            cutter.run([&](std::size_t, std::size_t i, std::size_t,
                           const Polygon& part) { parts.add(i, part); },
                       [](std::size_t, std::size_t) {});
        });
        for (const CellParts& part : found) all.append(part);
    });
}

// The part of an edge in a piece, if there is one.
inline void add_edge_part(const ConvexPieces& pieces, std::size_t piece, const Segment& segment,
                          std::size_t edge, EdgeParts& parts) {
    double from, to, share;
    if (!segment.cut_to(pieces, piece, from, to, share)) return;
    std::int8_t side = 0;
    if (share < 1) {
        const Point direction = segment.line.direction;
        Point centre{0, 0};
        for (std::size_t k = 0; k < pieces.corner_count(piece); ++k)
            centre = centre + pieces.corners(piece)[k] - segment.line.origin;
        side = cross(direction, centre) > 0 ? 1 : -1;
    }
    parts.ends.push_back(segment.line.at(from));
    parts.ends.push_back(segment.line.at(to));
    parts.owners.push_back(static_cast<std::int64_t>(edge));
    parts.sides.push_back(side);
}

// Appends the parts of edges in pieces, as above.
inline bool edge_parts(const ConvexPieces& pieces, const PieceTree& tree,
                       const DiagramEdges& diagram, int threads, int (*pending)(),
                       EdgeParts& all) {
    const Box& around = tree.box(tree.root());
    const EdgeLines lines(diagram, around.low, around.high);
    return for_portions(diagram.count, kPortion, pending, [&](std::size_t first, std::size_t last) {
        std::vector<EdgeParts> found((last - first + kBatch - 1) / kBatch);
        run_batches(first, last, threads, [&] { return PieceSearch(tree); },
                    [&](PieceSearch& search, std::size_t begin, std::size_t end) {
            std::vector<Segment> segments;
            std::vector<Box> boxes;
            std::vector<std::size_t> edges;
            for (std::size_t e = begin; e < end; ++e) {
                const Line line = lines.line(e);
                Segment segment{line, line.begin, line.end};
                if (!segment.cut_to(around)) continue;
                segments.push_back(segment);
                boxes.push_back(segment.box());
                edges.push_back(e);
            }
            EdgeParts& parts = found[(begin - first) / kBatch];
            search.run(
                boxes,
                [&](std::size_t k, std::size_t piece) {
                    add_edge_part(pieces, piece, segments[k], edges[k], parts);
                },
                [](std::size_t) {});
        });
        for (const EdgeParts& part : found) all.append(part);
    });
}

// Appends every polygon cut to a convex one, as part k of polygon k; one that is outside is empty.
inline void cut_to_domain(const ConvexPolygons& polygons, const Polygon& domain, CellParts& result) {
    Polygon part, scratch;
    for (std::size_t k = 0; k < polygons.count; ++k) {
        part.assign(polygons.corners(k), polygons.corners(k) + polygons.size(k));
        const Box box = Box::around(part.data(), part.size());
        const Point centre = box.centre(), half_size = box.half_size();
        for (std::size_t c = 0; c < domain.size() && !part.empty(); ++c) {
            const PieceSide side(domain[c], domain[(c + 1) % domain.size()]);
            if (side(centre) + side.reach(half_size) <= 0) continue;
            clip(part, side, scratch);
            part.swap(scratch);
        }
        if (part.size() < 3) part.clear();
        result.add(k, part);
    }
}

}  // namespace sdot::pieces
