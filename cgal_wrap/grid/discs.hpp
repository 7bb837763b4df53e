// Cuts cells to their discs and along the lines of a grid.
//
// A cut cell is cut along the grid lines and then, pixel by pixel, into polygons and caps, on which
// rules with positive weights are exact up to rounding. Its coordinates and centroids are seen from
// its site until the end, so that tiny discs lose nothing.
#pragma once

#include <cstddef>

#include "base/convex_polygons.hpp"
#include "base/geometry.hpp"
#include "diagram/discs.hpp"
#include "grid/pixel_pieces.hpp"
#include "grid/polynomial_grid.hpp"

namespace sdot::grid {

using diagram::DiscParts;
using diagram::Discs;

// Shows the parts of a cut cell in single pixels to sums.region(ix, iy, origin, region), where a
// region is a polygon or a cap, seen from the origin; and sums.end_row().
template <class Sums>
class CutPixelPieces {
public:
    CutPixelPieces(const PolynomialGrid& grid, Sums& sums, double widest = kWidestHalfAngle)
        : grid_(grid), sums_(sums), parts_(*this, widest), pieces_(grid, *this) {}

    // Returns the origin.
    Point run(const ConvexPolygons& cells, const Discs& discs, std::size_t i) {
        start(cells, discs, i);
        pieces_.run(cells.corners(i), cells.size(i));
        return parts_.origin();
    }
    void run_in_row(const ConvexPolygons& cells, const Discs& discs, std::size_t i, int iy) {
        start(cells, discs, i);
        pieces_.run_in_row(cells.corners(i), cells.size(i), iy);
    }

    // What PixelPieces calls:
    void whole_pixel(int ix, int iy) {
        const GridAxis &x = grid_.x, &y = grid_.y;
        pixel_ = {{x.lines[ix], y.lines[iy]},
                  {x.lines[ix + 1], y.lines[iy]},
                  {x.lines[ix + 1], y.lines[iy + 1]},
                  {x.lines[ix], y.lines[iy + 1]}};
        piece(ix, iy, pixel_);
    }
    void piece(int ix, int iy, const Polygon& polygon) {
        ix_ = ix;
        iy_ = iy;
        parts_.run(polygon);
    }
    void end_row() { sums_.end_row(); }

    // What DiscParts calls:
    template <class Region>
    void region(const Region& part) {
        sums_.region(ix_, iy_, parts_.origin(), part);
    }

private:
    void start(const ConvexPolygons& cells, const Discs& discs, std::size_t i) {
        const Point origin = discs.origin(i, cells.corners(i), cells.size(i));
        parts_.set(origin, discs.seen_from(origin, i));
    }

    const PolynomialGrid& grid_;
    Sums& sums_;
    DiscParts<CutPixelPieces> parts_;
    PixelPieces<CutPixelPieces> pieces_;
    Polygon pixel_;
    int ix_ = 0, iy_ = 0;
};

}  // namespace sdot::grid
