// Integrals over the parts of cells in single pieces of 1 and x - corner 0 of the piece, times 1 and
// times x - centre of the cell: what the values of a density on pieces do to cells' masses and first
// moments.
#pragma once

#include <cstddef>
#include <vector>

#include "base/convex_polygons.hpp"
#include "base/geometry.hpp"
#include "base/interruption.hpp"
#include "base/moments.hpp"
#include "diagram/cell_blocks.hpp"
#include "pieces/batches.hpp"
#include "pieces/convex_pieces.hpp"
#include "pieces/cutter.hpp"
#include "pieces/search.hpp"

namespace sdot::pieces {

using diagram::CellBlocks;

inline void write_block(double* block, const Polygon& part, Point corner, Point centre) {
    const Moments m = polygon_raw_moments(part.data(), part.size()).central();
    const Point a = m.mean - corner, c = m.mean - centre;
    const double rows[3][3] = {
        {m.mass, m.mass * a.x, m.mass * a.y},
        {m.mass * c.x, m.mass * c.x * a.x + m.xx, m.mass * c.x * a.y + m.xy},
        {m.mass * c.y, m.mass * c.y * a.x + m.xy, m.mass * c.y * a.y + m.yy}};
    for (int row = 0; row < 3; ++row)
        for (int k = 0; k < 3; ++k) block[3 * row + k] = rows[row][k];
}

// False if interrupted.
inline bool cell_blocks(const ConvexPieces& pieces, const PieceTree& tree,
                        const ConvexPolygons& polygons, const Point* centres, int threads,
                        int (*pending)(), CellBlocks& all) {
    const auto add_portion = [&](std::size_t first, std::size_t last) {
        std::vector<CellBlocks> found((last - first + kBatch - 1) / kBatch);
        run_batches(first, last, threads, [&] { return PieceCutter(pieces, tree); },
                    [&](PieceCutter& cutter, std::size_t begin, std::size_t end) {
            cutter.clear();
            for (std::size_t i = begin; i < end; ++i)
                cutter.add(i, polygons.corners(i), polygons.size(i));
            CellBlocks& blocks = found[(begin - first) / kBatch];
            cutter.run(
                [&](std::size_t, std::size_t i, std::size_t piece, const Polygon& part) {
                    write_block(blocks.add(i, piece, 9), part, pieces.corners(piece)[0],
                                centres[i]);
                },
                [](std::size_t, std::size_t) {});
        });
        for (const CellBlocks& part : found) all.append(part);
    };
    return for_portions(polygons.count, kPortion, pending, add_portion);
}

}  // namespace sdot::pieces
