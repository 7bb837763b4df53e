// Walks along arcs of circles, pixel by pixel of a grid.
#pragma once

#include <algorithm>
#include <cmath>

#include "base/geometry.hpp"
#include "grid/polynomial_grid.hpp"

namespace sdot::grid {

struct Circle {
    Point centre;
    double radius;

    // Half the chord that a line at a distance from the centre cuts off.
    double half_chord(double distance) const {
        return std::sqrt(std::max(0.0, (radius - distance) * (radius + distance)));
    }
};

class ArcPieces {
public:
    explicit ArcPieces(const PolynomialGrid& grid) : grid_(grid) {}

    // Calls visit(ix, iy, from, to) for the pieces inside single pixels of a counter-clockwise arc
    // of less than a quarter turn inside the grid.
    template <class Visit>
    void run(const Circle& circle, Point from, Point to, const Visit& visit) const {
        const Point a = from - circle.centre, b = to - circle.centre;
        for (const Point e : {Point{1, 0}, Point{0, 1}, Point{-1, 0}, Point{0, -1}}) {
            if (!(cross(a, e) > 0 && cross(e, b) > 0 && dot(a, e) > 0)) continue;
            const Point extreme = circle.centre + circle.radius * e;
            walk(circle, from, extreme, visit);
            walk(circle, extreme, to, visit);
            return;
        }
        walk(circle, from, to, visit);
    }

private:
    struct Step {
        double line;
        bool exists;
    };

    static int start_pixel(const GridAxis& axis, double x, double slope) {
        const int i = axis.locate(x);
        return slope < 0 && i > 0 && x == axis.lines[i] ? i - 1 : i;
    }

    // The next line of the grid, if the arc crosses it before its end.
    static Step next_line(const GridAxis& axis, int i, double slope, double end) {
        if (slope > 0 && i + 1 < axis.pixels) return {axis.lines[i + 1], axis.lines[i + 1] < end};
        if (slope < 0 && i > 0) return {axis.lines[i], axis.lines[i] > end};
        return {0, false};
    }

    // Within a quadrant both coordinates are monotone. Crossings of grid lines carry the line's
    // coordinate exactly, as in edge_pieces.hpp.
    template <class Visit>
    void walk(const Circle& circle, Point from, Point end, const Visit& visit) const {
        const Point middle = 0.5 * (from + end) - circle.centre, slope{-middle.y, middle.x};
        int ix = start_pixel(grid_.x, from.x, slope.x), iy = start_pixel(grid_.y, from.y, slope.y);
        while (true) {
            const Step x = next_line(grid_.x, ix, slope.x, end.x);
            const Step y = next_line(grid_.y, iy, slope.y, end.y);
            if (!x.exists && !y.exists) break;
            bool is_x = x.exists;
            Point to = end;
            if (x.exists) {
                const double half = circle.half_chord(x.line - circle.centre.x);
                to = {x.line, between(circle.centre.y + (middle.y < 0 ? -half : half), from.y,
                                      end.y)};
                is_x = !y.exists || (to.y - y.line) * slope.y < 0;
            }
            if (!is_x) {
                const double half = circle.half_chord(y.line - circle.centre.y);
                to = {between(circle.centre.x + (middle.x < 0 ? -half : half), from.x, end.x),
                      y.line};
            }
            visit(ix, iy, from, to);
            if (is_x) ix += slope.x > 0 ? 1 : -1;
            else iy += slope.y > 0 ? 1 : -1;
            from = to;
        }
        visit(ix, iy, from, end);
    }

    static double between(double value, double a, double b) {
        return std::max(std::min(a, b), std::min(value, std::max(a, b)));
    }

    const PolynomialGrid& grid_;
};

}  // namespace sdot::grid
