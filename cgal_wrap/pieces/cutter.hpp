// Cuts convex polygons into their parts inside single pieces.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "base/box.hpp"
#include "base/geometry.hpp"
#include "pieces/convex_pieces.hpp"
#include "pieces/search.hpp"

namespace sdot::pieces {

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

}  // namespace sdot::pieces
