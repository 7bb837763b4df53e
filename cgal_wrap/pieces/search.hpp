// Finds the convex pieces that boxes meet.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "base/box.hpp"
#include "pieces/convex_pieces.hpp"

namespace sdot::pieces {

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
        Box centres;
        centres.include(around.centre());
        for (std::size_t k = node.begin + 1; k < node.end; ++k) {
            const Box& box = of_pieces[static_cast<std::size_t>(order_[k])];
            around.include(box);
            centres.include(box.centre());
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

}  // namespace sdot::pieces
