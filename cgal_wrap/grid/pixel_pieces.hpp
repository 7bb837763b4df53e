// Cuts convex polygons along the lines of a grid.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "base/geometry.hpp"
#include "base/interruption.hpp"
#include "grid/polynomial_grid.hpp"

namespace sdot::grid {

// Cuts a polygon into its pieces inside single pixels, row by row, and shows them to the visitor:
// visitor.whole_pixel(ix, iy) or visitor.piece(ix, iy, polygon), and end_row().
template <class Visitor>
class PixelPieces {
public:
    PixelPieces(const PolynomialGrid& grid, Visitor& visitor) : grid_(grid), visitor_(visitor) {}

    void run(const Point* corners, std::size_t count) {
        if (count < 3) return;
        rest_.assign(corners, corners + count);
        double low, high;
        extent(rest_, &Point::y, low, high);
        const int last = grid_.y.locate(high);
        for (int iy = grid_.y.locate(low); iy <= last; ++iy) {
            if (++rows_ % kRowsPerLook == 0) interrupted_.or_throw();
            split(rest_, strip_, &Point::y, iy < last ? grid_.y.lines[iy + 1] : kNever);
            if (strip_.size() < 3) continue;
            run_row(iy);
            visitor_.end_row();
        }
    }

    // The same for what lies in one row only; without end_row().
    void run_in_row(const Point* corners, std::size_t count, int iy) {
        if (count < 3) return;
        strip_.assign(corners, corners + count);
        const double from = grid_.y.lines[iy], to = grid_.y.lines[iy + 1];
        if (iy > 0) cut(strip_, [from](Point p) { return from - p.y; });
        if (iy + 1 < grid_.y.pixels) cut(strip_, [to](Point p) { return p.y - to; });
        if (strip_.size() > 2) run_row(iy);
    }

private:
    static constexpr unsigned kRowsPerLook = 64;  // for a pending signal: a cell may be all the grid
    static constexpr double kNever = std::numeric_limits<double>::infinity();

    static void extent(const Polygon& polygon, double Point::*axis, double& low, double& high) {
        low = high = polygon[0].*axis;
        for (const Point& p : polygon) {
            low = std::min(low, p.*axis);
            high = std::max(high, p.*axis);
        }
    }

    // Keeps the part of `polygon` where `side` is not positive.
    template <class Side>
    void cut(Polygon& polygon, const Side& side) {
        if (std::none_of(polygon.begin(), polygon.end(), [&](Point p) { return side(p) > 0; }))
            return;
        clip(polygon, side, scratch_);
        polygon.swap(scratch_);
    }

    // Moves the part of `rest` below the line to `part`.
    void split(Polygon& rest, Polygon& part, double Point::*axis, double line) {
        if (line == kNever) {
            part.swap(rest);
            rest.clear();
            return;
        }
        clip(rest, [&](Point p) { return p.*axis - line; }, part);
        clip(rest, [&](Point p) { return line - p.*axis; }, scratch_);
        rest.swap(scratch_);
    }

    void run_row(int iy) {
        double low, high;
        extent(strip_, &Point::x, low, high);
        const int first = grid_.x.locate(low), last = grid_.x.locate(high);
        int whole_begin = last + 1, whole_end = last + 1;
        if (last - first > 2) whole_pixels(iy, whole_begin, whole_end);
        for (int ix = first; ix <= last; ++ix) {
            if (ix == whole_begin && whole_begin < whole_end) {
                split(strip_, piece_, &Point::x, grid_.x.lines[whole_begin]);
                // Before the first pixel there is nothing but corners on its side, or a rounding off.
                show_piece(std::max(ix - 1, 0), iy);
                for (; ix < whole_end; ++ix) visitor_.whole_pixel(ix, iy);
                split(strip_, piece_, &Point::x, grid_.x.lines[whole_end]);
                if (ix > last) return;
            }
            split(strip_, piece_, &Point::x, ix < last ? grid_.x.lines[ix + 1] : kNever);
            show_piece(ix, iy);
        }
    }

    // The pixels of a row that lie wholly inside the strip, which is convex: those between
    // its sides at both heights of the row.
    void whole_pixels(int iy, int& begin, int& end) const {
        double left = -kNever, right = kNever;
        for (const double height : {grid_.y.lines[iy], grid_.y.lines[iy + 1]}) {
            double low = kNever, high = -kNever;
            for (const Point& p : strip_) {
                if (std::abs(p.y - height) > 1e-14 * grid_.y.size(iy) + 1e-16 * std::abs(height))
                    continue;
                low = std::min(low, p.x);
                high = std::max(high, p.x);
            }
            left = std::max(left, low);
            right = std::min(right, high);
        }
        if (!(left < right)) return;
        begin = grid_.x.locate(left);
        if (grid_.x.lines[begin] < left) ++begin;
        end = grid_.x.locate(right);
        if (grid_.x.lines[end + 1] <= right) ++end;
    }

    void show_piece(int ix, int iy) const {
        if (piece_.size() > 2) visitor_.piece(ix, iy, piece_);
    }

    const PolynomialGrid& grid_;
    Visitor& visitor_;
    Polygon rest_, strip_, piece_, scratch_;
    InterruptionCheck interrupted_;
    unsigned rows_ = 0;
};

}  // namespace sdot::grid
