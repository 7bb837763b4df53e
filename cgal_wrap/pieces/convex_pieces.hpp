// A density that is affine on each of convex pieces.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "base/geometry.hpp"

namespace sdot::pieces {

// The line through a side of a piece. Its two ends are taken in an order that does not depend on
// the piece, so for two pieces with a common side the values differ in sign and in nothing else:
// what rounding takes from one it gives to the other.
class PieceSide {
public:
    // The piece is to the left of a -> b.
    PieceSide(Point a, Point b) {
        const bool forward = a.x < b.x || (a.x == b.x && a.y < b.y);
        origin_ = forward ? a : b;
        direction_ = forward ? b - a : a - b;
        sign_ = forward ? -1 : 1;
    }

    // Positive outside the piece.
    double operator()(Point x) const { return sign_ * cross(direction_, x - origin_); }
    double slope(Point step) const { return sign_ * cross(direction_, step); }
    // The greatest difference between values inside a box and at its centre.
    double reach(Point half_size) const {
        return std::abs(direction_.x) * half_size.y + std::abs(direction_.y) * half_size.x;
    }
    // Whether a point on the line belongs to the piece, so that it belongs to one of two
    // neighbours: left and lower sides do.
    bool is_closed() const { return direction_.x == 0 ? sign_ > 0 : sign_ < 0; }

private:
    Point origin_, direction_;
    double sign_;
};

// Piece k has its corners at offsets[k] <= c < offsets[k + 1], counter-clockwise, and the
// density affine[3 k] + (affine[3 k + 1], affine[3 k + 2]) . (x - first corner), which is
// nonnegative on it.
struct ConvexPieces {
    std::size_t count;
    const double* points;
    const std::int64_t* offsets;
    const double* affine;

    const Point* corners(std::size_t k) const {
        return reinterpret_cast<const Point*>(points) + offsets[k];
    }
    std::size_t corner_count(std::size_t k) const {
        return static_cast<std::size_t>(offsets[k + 1] - offsets[k]);
    }
    double density(std::size_t k, Point x) const {
        const Point r = x - corners(k)[0];
        const double value = affine[3 * k] + affine[3 * k + 1] * r.x + affine[3 * k + 2] * r.y;
        return std::max(0.0, value);  // below zero by rounding only
    }
    template <class Visit>  // visit(side) returns whether to go on
    bool every_side(std::size_t k, const Visit& visit) const {
        const Point* corner = corners(k);
        const std::size_t last = corner_count(k) - 1;
        if (!visit(PieceSide(corner[last], corner[0]))) return false;
        for (std::size_t c = 0; c < last; ++c)
            if (!visit(PieceSide(corner[c], corner[c + 1]))) return false;
        return true;
    }
};

}  // namespace sdot::pieces
