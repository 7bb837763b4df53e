// Integrals over the parts of cells in single pixels of each monomial of the pixel, times 1 and
// times x - centre of the cell: what the coefficients of a polynomial grid do to cells' masses and
// first moments.
#pragma once

#include <cstddef>
#include <vector>

#include "base/convex_polygons.hpp"
#include "base/gauss_rules.hpp"
#include "base/geometry.hpp"
#include "base/moments.hpp"
#include "base/parallel.hpp"
#include "diagram/cell_blocks.hpp"
#include "grid/moments.hpp"
#include "grid/pixel_pieces.hpp"
#include "grid/polynomial_grid.hpp"

namespace sdot::grid {

using diagram::CellBlocks;

// A visitor of `PixelPieces`. The rule must be exact for degree 2 terms (monomials, first moments,
// Jacobian).
class BlockSums {
public:
    BlockSums(const PolynomialGrid& grid, const GaussRule& rule, CellBlocks& blocks)
        : grid_(grid), rule_(rule), blocks_(blocks) {}

    void start_cell(std::size_t cell, Point centre) {
        cell_ = cell;
        centre_ = centre;
    }

    void whole_pixel(int ix, int iy) {
        double* block = start(ix, iy);
        pixel_nodes(grid_, rule_, ix, iy, [&](Point x, double weight) { add(block, x, weight); });
    }

    void piece(int ix, int iy, const Polygon& polygon) {
        double* block = start(ix, iy);
        polygon_nodes(polygon, rule_, [&](Point x, double weight) { add(block, x, weight); });
    }

    void end_row() {}

private:
    double* start(int ix, int iy) {
        corner_ = {grid_.x.lines[ix], grid_.y.lines[iy]};
        size_ = {grid_.x.size(ix), grid_.y.size(iy)};
        const auto pixel = static_cast<std::size_t>(ix) * grid_.y.pixels + iy;
        return blocks_.add(cell_, pixel, 3 * static_cast<std::size_t>(grid_.terms) * grid_.terms);
    }

    void add(double* block, Point x, double weight) const {
        const int n = grid_.terms, row = n * n;
        const Point s{(x.x - corner_.x) / size_.x, (x.y - corner_.y) / size_.y};
        const Point gap = x - centre_;
        double along_x = weight;
        for (int p = 0; p < n; ++p, along_x *= s.x) {
            double term = along_x;
            for (int q = 0; q < n; ++q, term *= s.y) {
                block[p * n + q] += term;
                block[row + p * n + q] += term * gap.x;
                block[2 * row + p * n + q] += term * gap.y;
            }
        }
    }

    const PolynomialGrid& grid_;
    const GaussRule& rule_;
    CellBlocks& blocks_;
    std::size_t cell_ = 0;
    Point centre_{0, 0}, corner_{0, 0}, size_{1, 1};
};

// `grid` needs no values.
inline CellBlocks cell_blocks(const PolynomialGrid& grid, const GaussRule& rule,
                              const ConvexPolygons& polygons, const Point* centres, int threads) {
    constexpr std::size_t kCells = 512;
    const std::size_t ranges = (polygons.count + kCells - 1) / kCells;
    std::vector<CellBlocks> found(ranges);
    parallel_for(ranges, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t range = begin; range < end; ++range) {
            BlockSums sums(grid, rule, found[range]);
            PixelPieces<BlockSums> pieces(grid, sums);
            for (std::size_t i = range * kCells; i < std::min(polygons.count, (range + 1) * kCells);
                 ++i) {
                sums.start_cell(i, centres[i]);
                pieces.run(polygons.corners(i), polygons.size(i));
            }
        }
    }, 1);
    CellBlocks all;
    for (const CellBlocks& part : found) all.append(part);
    return all;
}

}  // namespace sdot::grid
