// A density that is affine on each of disjoint convex pieces, and a tree to find pieces.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
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
    bool meets(const Box& other) const {  // without branches: it is the inner loop of a search
        return (low.x <= other.high.x) & (other.low.x <= high.x) & (low.y <= other.high.y) &
               (other.low.y <= high.y);
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

        std::size_t size() const { return end - begin; }
        bool is_leaf() const { return size() == 1; }
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

// Finds the pieces whose boxes meet those of many queries, close to each other, at once: what is
// left of the list of queries goes down the tree.
class PieceSearch {
public:
    // Terms of a long sum are added in blocks of at most so many, so that rounding stays small.
    static constexpr std::size_t kBlock = 256;

    explicit PieceSearch(const PieceTree& tree) : tree_(tree), lists_(kDeepest) {}

    // Calls visit(query, piece) for every pair, and flush(query) after at most kBlock pieces, and
    // at the end.
    template <class Visit, class Flush>
    void run(const std::vector<Box>& queries, const Visit& visit, const Flush& flush) {
        queries_ = &queries;
        std::vector<std::int32_t>& all = lists_[0];
        all.resize(queries.size());
        std::iota(all.begin(), all.end(), 0);
        if (tree_.root().size() > 0) descend(tree_.root(), all.size(), visit, flush, 1);
        for (std::size_t query = 0; query < queries.size(); ++query) flush(query);
    }

private:
    static constexpr std::size_t kDeepest = 72;  // levels of a balanced tree in any memory

    // The first `count` queries of the list on the level above met the parent's box.
    template <class Visit, class Flush>
    void descend(PieceTree::Node node, std::size_t count, const Visit& visit, const Flush& flush,
                 std::size_t level) {
        const std::int32_t* candidates = lists_[level - 1].data();
        std::vector<std::int32_t>& list = lists_[level];
        if (list.size() < count) list.resize(count);
        const Box box = tree_.box(node);
        std::size_t met = 0;
        for (std::size_t k = 0; k < count; ++k) {
            const std::int32_t query = candidates[k];
            list[met] = query;
            met += box.meets((*queries_)[static_cast<std::size_t>(query)]);
        }
        if (met == 0) return;
        if (node.is_leaf()) {
            const std::size_t piece = tree_.piece(node);
            for (std::size_t k = 0; k < met; ++k) visit(static_cast<std::size_t>(list[k]), piece);
            return;
        }
        descend(node.left(), met, visit, flush, level + 1);
        descend(node.right(), met, visit, flush, level + 1);
        if (kBlock / 2 < node.size() && node.size() <= kBlock)
            for (std::size_t k = 0; k < met; ++k) flush(static_cast<std::size_t>(list[k]));
    }

    const PieceTree& tree_;
    const std::vector<Box>* queries_ = nullptr;
    std::vector<std::vector<std::int32_t>> lists_;
};

// Cuts convex polygons into their parts inside single pieces.
class PieceCutter {
public:
    PieceCutter(const ConvexPieces& pieces, const PieceTree& tree) : pieces_(pieces), search_(tree) {}

    void clear() {
        parts_.clear();
        boxes_.clear();
        chords_.clear();
    }

    // Polygons with many corners are split along chords, lest each piece be compared with all of
    // their corners.
    void add(std::size_t cell, const Point* corners, std::size_t count) {
        if (count < 3) return;
        if (count <= kManyCorners) {
            parts_.push_back({cell, corners, count});
            boxes_.push_back(Box::around(corners, count));
            return;
        }
        const std::size_t middle = count / 2;
        chords_.emplace_back(corners + middle, corners + count);
        chords_.back().push_back(corners[0]);
        const Polygon& rest = chords_.back();
        add(cell, corners, middle + 1);
        add(cell, rest.data(), rest.size());
    }

    // Calls visit(added, cell, piece, part), where `added` numbers what was added, and
    // flush(added, cell).
    template <class Visit, class Flush>
    void run(const Visit& visit, const Flush& flush) {
        search_.run(
            boxes_,
            [&](std::size_t k, std::size_t piece) {
                const Part& part = parts_[k];
                cut(piece, part.corners, part.count, boxes_[k], [&](const Polygon& polygon) {
                    visit(k, part.cell, piece, polygon);
                });
            },
            [&](std::size_t k) { flush(k, parts_[k].cell); });
    }

    std::size_t count() const { return parts_.size(); }

private:
    static constexpr std::size_t kManyCorners = 16;

    struct Part {
        std::size_t cell;
        const Point* corners;
        std::size_t count;
    };

    template <class Visit>
    void cut(std::size_t piece, const Point* corners, std::size_t count, const Box& box,
             const Visit& visit) {
        const Point centre = box.centre(), half_size = box.half_size();
        bool is_cut = false;
        const bool meets = pieces_.every_side(piece, [&](const PieceSide& side) {
            const double value = side(centre), reach = side.reach(half_size);
            if (value + reach <= 0) return true;
            if (value - reach >= 0) return false;
            if (is_cut) clip(part_, side, scratch_);
            else clip(corners, count, side, scratch_);
            part_.swap(scratch_);
            is_cut = true;
            return part_.size() > 2;
        });
        if (!meets) return;
        if (!is_cut) part_.assign(corners, corners + count);
        visit(part_);
    }

    const ConvexPieces& pieces_;
    PieceSearch search_;
    std::vector<Part> parts_;
    std::vector<Box> boxes_;
    std::deque<Polygon> chords_;  // keeps their places in memory
    Polygon part_, scratch_;
};

}  // namespace sdot
