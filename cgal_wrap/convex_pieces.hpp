// A density that is affine on each of disjoint convex pieces, and a tree to find pieces.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "geometry.hpp"

namespace sdot {

struct Box {
    Point low, high;

    static Box around(const Point* points, std::size_t count) {
        Box box{points[0], points[0]};
        for (std::size_t k = 1; k < count; ++k) box.extend({points[k], points[k]});
        return box;
    }
    void extend(const Box& other) {
        low = {std::min(low.x, other.low.x), std::min(low.y, other.low.y)};
        high = {std::max(high.x, other.high.x), std::max(high.y, other.high.y)};
    }
    Point centre() const { return 0.5 * (low + high); }
    Point half_size() const { return 0.5 * (high - low); }
    bool meets(const Box& other) const {
        return low.x <= other.high.x && other.low.x <= high.x && low.y <= other.high.y &&
               other.low.y <= high.y;
    }
    bool contains(const Box& other) const {
        return low.x <= other.low.x && other.high.x <= high.x && low.y <= other.low.y &&
               other.high.y <= high.y;
    }
};

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

// A balanced tree of bounding boxes with one piece per leaf. Nodes are numbered in preorder, so
// the place of a child follows from the number of leaves before it.
class PieceTree {
public:
    struct Node {
        std::size_t index, begin, end;  // its leaves are pieces order[begin ... end - 1]

        bool is_leaf() const { return end - begin == 1; }
        std::size_t middle() const { return begin + (end - begin) / 2; }
        Node left() const { return {index + 1, begin, middle()}; }
        Node right() const { return {index + 2 * (middle() - begin), middle(), end}; }
    };

    explicit PieceTree(const ConvexPieces& pieces) : order_(pieces.count) {
        if (pieces.count == 0) return;
        std::iota(order_.begin(), order_.end(), 0);
        std::vector<Box> of_pieces(pieces.count);
        for (std::size_t k = 0; k < pieces.count; ++k)
            of_pieces[k] = Box::around(pieces.corners(k), pieces.corner_count(k));
        boxes_.resize(2 * pieces.count - 1);
        build(root(), of_pieces);
    }

    Node root() const { return {0, 0, order_.size()}; }
    const Box& box(Node node) const { return boxes_[node.index]; }
    std::size_t piece(Node leaf) const { return static_cast<std::size_t>(order_[leaf.begin]); }

    // Calls visit(piece) for the pieces whose box, and every box around it, `touches`.
    template <class Touches, class Visit>
    void visit(Node node, const Touches& touches, const Visit& visit_piece) const {
        if (!touches(box(node))) return;
        if (node.is_leaf()) {
            visit_piece(piece(node));
            return;
        }
        visit(node.left(), touches, visit_piece);
        visit(node.right(), touches, visit_piece);
    }

private:
    void build(Node node, const std::vector<Box>& of_pieces) {
        Box& around = boxes_[node.index];
        around = of_pieces[piece(node)];
        if (node.is_leaf()) return;
        Box centres{around.centre(), around.centre()};
        for (std::size_t k = node.begin + 1; k < node.end; ++k) {
            const Box& box = of_pieces[static_cast<std::size_t>(order_[k])];
            around.extend(box);
            centres.extend({box.centre(), box.centre()});
        }
        const Point spread = centres.half_size();
        double Point::*axis = spread.x >= spread.y ? &Point::x : &Point::y;
        const auto at = [&](std::size_t k) { return order_.begin() + static_cast<std::ptrdiff_t>(k); };
        std::nth_element(at(node.begin), at(node.middle()), at(node.end),
                         [&](std::int32_t a, std::int32_t b) {
                             const double x = of_pieces[static_cast<std::size_t>(a)].centre().*axis;
                             const double y = of_pieces[static_cast<std::size_t>(b)].centre().*axis;
                             return x < y || (x == y && a < b);
                         });
        build(node.left(), of_pieces);
        build(node.right(), of_pieces);
    }

    std::vector<std::int32_t> order_;
    std::vector<Box> boxes_;
};

// Cuts convex polygons into their parts inside single pieces.
class PieceCutter {
public:
    PieceCutter(const ConvexPieces& pieces, const PieceTree& tree)
        : pieces_(pieces), tree_(tree), levels_(kDeepest) {}

    // The sum, in pairs along the tree, of visit(piece, part) over the parts.
    template <class Sum, class Visit>
    Sum sum(const Point* corners, std::size_t count, const Visit& visit) {
        if (count < 3 || pieces_.count == 0) return {};
        polygon_.assign(corners, corners + count);
        return descend<Sum>(tree_.root(), polygon_, Box::around(corners, count), visit, 0);
    }

private:
    static constexpr std::size_t kManyCorners = 16;
    static constexpr std::size_t kDeepest = 64;  // levels of a balanced tree in any memory

    template <class Sum, class Visit>
    Sum descend(PieceTree::Node node, const Polygon& polygon, const Box& box, const Visit& visit,
                std::size_t level) {
        const Box& around = tree_.box(node);
        if (!around.meets(box)) return {};
        if (node.is_leaf()) {
            const std::size_t piece = tree_.piece(node);
            const Polygon& part = cut(piece, polygon, box);
            return part.size() > 2 ? visit(piece, part) : Sum{};
        }
        const Polygon* shown = &polygon;
        Box shown_box = box;
        if (polygon.size() > kManyCorners && !around.contains(box)) {
            // Else each piece would be compared with all of the corners.
            clip_to_box(polygon, around, levels_[level]);
            if (levels_[level].size() < 3) return {};
            shown = &levels_[level];
            shown_box = Box::around(shown->data(), shown->size());
        }
        Sum total = descend<Sum>(node.left(), *shown, shown_box, visit, level + 1);
        total.merge(descend<Sum>(node.right(), *shown, shown_box, visit, level + 1));
        return total;
    }

    void clip_to_box(const Polygon& polygon, const Box& box, Polygon& result) {
        clip(polygon, [&](Point p) { return box.low.x - p.x; }, result);
        clip(result, [&](Point p) { return p.x - box.high.x; }, scratch_);
        clip(scratch_, [&](Point p) { return box.low.y - p.y; }, result);
        clip(result, [&](Point p) { return p.y - box.high.y; }, scratch_);
        result.swap(scratch_);
    }

    // The part of a polygon inside a piece; the polygon itself if it is inside.
    const Polygon& cut(std::size_t piece, const Polygon& polygon, const Box& box) {
        const Point centre = box.centre(), half_size = box.half_size();
        const Polygon* part = &polygon;
        const bool meets = pieces_.every_side(piece, [&](const PieceSide& side) {
            const double value = side(centre), reach = side.reach(half_size);
            if (value + reach <= 0) return true;
            if (value - reach >= 0) return false;
            clip(*part, side, scratch_);
            part_.swap(scratch_);
            part = &part_;
            return part_.size() > 2;
        });
        if (meets) return *part;
        part_.clear();
        return part_;
    }

    const ConvexPieces& pieces_;
    const PieceTree& tree_;
    std::vector<Polygon> levels_;
    Polygon polygon_, part_, scratch_;
};

}  // namespace sdot
