// Integrals of a potential, quadratic on every cell, over each of convex pieces.
#pragma once

#include <cstddef>
#include <vector>

#include "base/convex_polygons.hpp"
#include "base/gauss_rules.hpp"
#include "base/geometry.hpp"
#include "base/interruption.hpp"
#include "base/moments.hpp"
#include "diagram/cell_potential.hpp"
#include "pieces/batches.hpp"
#include "pieces/convex_pieces.hpp"
#include "pieces/cutter.hpp"
#include "pieces/search.hpp"

namespace sdot::pieces {

using diagram::CellPotential;

// The integrals of a potential over a part of a piece, times 1 and times x - corner 0 of the piece.
struct PotentialIntegrals {
    std::size_t piece;
    double integral;
    Point moment;
};

// The rule must be exact for degree 4 (potential, factor, Jacobian).
inline PotentialIntegrals part_potential(const ConvexPieces& pieces, std::size_t piece,
                                         const Polygon& part, const CellPotential& potential,
                                         std::size_t cell, const GaussRule& rule) {
    PotentialIntegrals sums{piece, 0, {0, 0}};
    const Point origin = pieces.corners(piece)[0];
    polygon_nodes(part, rule, [&](Point x, double weight) {
        const double value = weight * potential(cell, x);
        sums.integral += value;
        sums.moment = sums.moment + value * (x - origin);
    });
    return sums;
}

// Adds to integrals[3 k ...] those of of_part(piece, part, i) over the parts of all cells in piece
// k. Parts are found in parallel and added in their order.
template <class OfPart>
bool add_part_integrals(const ConvexPieces& pieces, const PieceTree& tree,
                        const ConvexPolygons& polygons, int threads, int (*pending)(),
                        const OfPart& of_part, double* integrals) {
    const auto add_portion = [&](std::size_t first, std::size_t last) {
        std::vector<std::vector<PotentialIntegrals>> found((last - first + kBatch - 1) / kBatch);
        run_batches(first, last, threads, [&] { return PieceCutter(pieces, tree); },
                    [&](PieceCutter& cutter, std::size_t begin, std::size_t end) {
            cutter.clear();
            for (std::size_t i = begin; i < end; ++i)
                cutter.add(i, polygons.corners(i), polygons.size(i));
            auto& parts = found[(begin - first) / kBatch];
            cutter.run(
                [&](std::size_t, std::size_t i, std::size_t piece, const Polygon& part) {
                    parts.push_back(of_part(piece, part, i));
                },
                [](std::size_t, std::size_t) {});
        });
        for (const auto& parts : found)
            for (const PotentialIntegrals& part : parts) {
                integrals[3 * part.piece] += part.integral;
                integrals[3 * part.piece + 1] += part.moment.x;
                integrals[3 * part.piece + 2] += part.moment.y;
            }
    };
    return for_portions(polygons.count, kPortion, pending, add_portion);
}

inline bool add_potential_integrals(const ConvexPieces& pieces, const PieceTree& tree,
                                    const ConvexPolygons& polygons, const CellPotential& potential,
                                    const GaussRule& rule, int threads, int (*pending)(),
                                    double* integrals) {
    const auto of_part = [&](std::size_t piece, const Polygon& part, std::size_t i) {
        return part_potential(pieces, piece, part, potential, i, rule);
    };
    return add_part_integrals(pieces, tree, polygons, threads, pending, of_part, integrals);
}

}  // namespace sdot::pieces
