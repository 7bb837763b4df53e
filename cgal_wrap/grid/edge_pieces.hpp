// Walks along edges of a diagram, pixel by pixel of a grid.
#pragma once

#include <algorithm>
#include <limits>
#include <utility>

#include "base/geometry.hpp"
#include "diagram/edges.hpp"
#include "grid/polynomial_grid.hpp"

namespace sdot::grid {

using diagram::Line;

class EdgePieces {
public:
    explicit EdgePieces(const PolynomialGrid& grid) : grid_(grid) {}

    // Calls visit(ix, iy, from, to) for the pieces inside single pixels of the part of the line
    // inside the grid.
    template <class Visit>
    void run(const Line& line, const Visit& visit) const {
        Point a, b;
        if (cut_to_grid(line, a, b)) walk(a, b, visit);
    }

private:
    // Liang-Barsky; ends that fall on a side of the grid get its coordinate exactly.
    bool cut_to_grid(const Line& line, Point& a, Point& b) const {
        double begin = line.begin, end = line.end;
        const double* begin_x = nullptr;
        const double* begin_y = nullptr;
        const double* end_x = nullptr;
        const double* end_y = nullptr;
        const auto cut = [&](double origin, double slope, const double& low, const double& high,
                             const double*& begin_side, const double*& end_side,
                             const double*& begin_other, const double*& end_other) {
            if (slope == 0) return origin >= low && origin <= high;
            double enter = (low - origin) / slope, leave = (high - origin) / slope;
            const double *enter_side = &low, *leave_side = &high;
            if (slope < 0) {
                std::swap(enter, leave);
                std::swap(enter_side, leave_side);
            }
            if (enter > begin) {
                begin = enter;
                begin_side = enter_side;
                begin_other = nullptr;
            }
            if (leave < end) {
                end = leave;
                end_side = leave_side;
                end_other = nullptr;
            }
            return true;
        };
        const GridAxis &x = grid_.x, &y = grid_.y;
        if (!cut(line.origin.x, line.direction.x, x.lines[0], x.lines[x.pixels], begin_x, end_x,
                 begin_y, end_y) ||
            !cut(line.origin.y, line.direction.y, y.lines[0], y.lines[y.pixels], begin_y, end_y,
                 begin_x, end_x) ||
            !(begin < end))
            return false;
        a = clamped(line.at(begin), begin_x, begin_y);
        b = clamped(line.at(end), end_x, end_y);
        return true;
    }

    Point clamped(Point p, const double* x_side, const double* y_side) const {
        if (x_side) p.x = *x_side;
        if (y_side) p.y = *y_side;
        return {std::max(grid_.x.low(), std::min(p.x, grid_.x.high())),
                std::max(grid_.y.low(), std::min(p.y, grid_.y.high()))};
    }

    static int start_pixel(const GridAxis& axis, double x, double slope) {
        const int i = axis.locate(x);
        return slope < 0 && i > 0 && x == axis.lines[i] ? i - 1 : i;
    }

    // The parameter at which a + t slope leaves pixel i, and the grid line it leaves by.
    static double next_crossing(const GridAxis& axis, int i, double a, double slope, double& at) {
        if (slope > 0 && i + 1 < axis.pixels) at = axis.lines[i + 1];
        else if (slope < 0 && i > 0) at = axis.lines[i];
        else return std::numeric_limits<double>::infinity();
        return (at - a) / slope;
    }

    // Pixel by pixel. Crossings of grid lines carry the line's coordinate exactly, so
    // that the pieces' extents in y telescope and rows with unlike masses leave no gap.
    template <class Visit>
    void walk(Point a, Point b, const Visit& visit) const {
        const Point slope = b - a;
        int ix = start_pixel(grid_.x, a.x, slope.x), iy = start_pixel(grid_.y, a.y, slope.y);
        Point from = a;
        while (true) {
            double x_line = 0, y_line = 0;
            const double tx = next_crossing(grid_.x, ix, a.x, slope.x, x_line);
            const double ty = next_crossing(grid_.y, iy, a.y, slope.y, y_line);
            if (std::min(tx, ty) >= 1) break;
            Point to;
            if (tx < ty) {
                to = {x_line, between(a.y + tx * slope.y, from.y, b.y)};
                visit(ix, iy, from, to);
                ix += slope.x > 0 ? 1 : -1;
            } else {
                to = {between(a.x + ty * slope.x, from.x, b.x), y_line};
                visit(ix, iy, from, to);
                iy += slope.y > 0 ? 1 : -1;
            }
            from = to;
        }
        visit(ix, iy, from, b);
    }

    static double between(double value, double a, double b) {
        return std::max(std::min(a, b), std::min(value, std::max(a, b)));
    }

    const PolynomialGrid& grid_;
};

}  // namespace sdot::grid
