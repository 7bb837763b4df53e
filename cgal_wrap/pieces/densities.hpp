// A density on convex pieces, at points.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/box.hpp"
#include "base/geometry.hpp"
#include "pieces/batches.hpp"
#include "pieces/convex_pieces.hpp"
#include "pieces/search.hpp"

namespace sdot::pieces {

// The density at points; on a side that two pieces share, that of one of them.
inline bool piece_densities(const ConvexPieces& pieces, const PieceTree& tree, const double* points,
                            std::size_t count, int threads, int (*pending)(), double* densities) {
    const Point* point = reinterpret_cast<const Point*>(points);
    return for_batches(count, threads, pending, [&] { return PieceSearch(tree); },
                       [&](PieceSearch& search, std::size_t begin, std::size_t end) {
        std::fill(densities + begin, densities + end, 0.0);
        std::vector<Box> boxes;
        for (std::size_t i = begin; i < end; ++i) boxes.push_back({point[i], point[i]});
        search.run(
            boxes,
            [&](std::size_t k, std::size_t piece) {
                const Point x = point[begin + k];
                const bool inside = pieces.every_side(piece, [&](const PieceSide& side) {
                    const double value = side(x);
                    return value < 0 || (value == 0 && side.is_closed());
                });
                if (inside) densities[begin + k] += pieces.density(piece, x);
            },
            [](std::size_t) {});
    });
}

}  // namespace sdot::pieces
