// The fewest nodes without which a graph falls in two: a maximum flow, by Dinic's algorithm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sdot::factor {

using Indices = std::vector<std::int32_t>;

// A graph with nodes that are joined to a source, and others that are joined to a sink.
//
// Disjoint paths from the source to the sink are as many as the nodes that cut all of them
// (Menger). Each node is a door, in and out, that one path may pass; a search may go against a path
// that there is and so send it another way.
class MinimumCut {
public:
    void clear() {
        offsets_.assign(1, 0);
        neighbors_.clear();
        kinds_.clear();
    }
    // Nodes are added one after the other, each after its neighbours' numbers.
    void add_neighbor(std::int32_t node) { neighbors_.push_back(node); }
    void add_node(bool at_source, bool at_sink) {
        offsets_.push_back(static_cast<std::int32_t>(neighbors_.size()));
        kinds_.push_back((at_source ? kAtSource : 0) | (at_sink ? kAtSink : 0));
    }

    void solve() {
        const std::size_t nodes = kinds_.size();
        previous_.assign(nodes, kNone);
        while (find_levels()) {
            next_arc_.assign(offsets_.begin(), offsets_.end() - 1);
            for (std::size_t i = 0; i < nodes; ++i)
                if (kinds_[i] & kAtSource) search(in(static_cast<std::int32_t>(i)));
        }
    }

    // After `solve`: nodes on the source's side, and those of the cut.
    bool is_at_source(std::int32_t i) const { return levels_[out(i)] >= 0; }
    bool is_cut(std::int32_t i) const { return levels_[in(i)] >= 0 && levels_[out(i)] < 0; }

private:
    static constexpr char kAtSource = 1, kAtSink = 2;
    static constexpr std::int32_t kNone = -1, kSource = -2, kSink = -3;

    static std::int32_t in(std::int32_t i) { return 2 * i; }
    static std::int32_t out(std::int32_t i) { return 2 * i + 1; }
    static bool is_out(std::int32_t door) { return door & 1; }
    bool used(std::int32_t i) const { return previous_[i] != kNone; }

    // How many steps doors are from the source; whether the sink can be reached.
    bool find_levels() {
        levels_.assign(2 * kinds_.size(), -1);
        queue_.clear();
        bool reached = false;
        const auto reach = [&](std::int32_t door, std::int32_t level) {
            if (levels_[door] >= 0) return;
            levels_[door] = level;
            queue_.push_back(door);
        };
        for (std::size_t i = 0; i < kinds_.size(); ++i)
            if (kinds_[i] & kAtSource) reach(in(static_cast<std::int32_t>(i)), 0);
        for (std::size_t k = 0; k < queue_.size(); ++k) {
            const std::int32_t door = queue_[k], i = door / 2, level = levels_[door] + 1;
            if (!is_out(door)) {
                const std::int32_t other = behind(i);
                if (other >= 0) reach(other, level);
                continue;
            }
            if (kinds_[i] & kAtSink) reached = true;
            if (reached) continue;  // farther ones do not matter
            for (std::int32_t e = offsets_[i]; e < offsets_[i + 1]; ++e)
                reach(in(neighbors_[e]), level);
            if (used(i)) reach(in(i), level);
        }
        return reached;
    }

    // From the door in of a node: through it, or, against a path that passes it, to where that came
    // from.
    std::int32_t behind(std::int32_t i) const {
        if (!used(i)) return out(i);
        return previous_[i] >= 0 ? out(previous_[i]) : kNone;
    }

    // One more path, of doors with levels that grow by one.
    void search(std::int32_t start) {
        if (levels_[start] != 0) return;
        path_.assign(1, start);
        while (!path_.empty()) {
            const std::int32_t door = path_.back();
            if (is_out(door) && (kinds_[door / 2] & kAtSink)) {
                take_path();
                return;
            }
            const std::int32_t following = step_from(door);
            if (following == kNone) {
                levels_[door] = -1;
                path_.pop_back();
            } else {
                path_.push_back(following);
            }
        }
    }

    std::int32_t step_from(std::int32_t door) {
        const std::int32_t i = door / 2, level = levels_[door] + 1;
        if (!is_out(door)) {
            const std::int32_t other = behind(i);
            return other >= 0 && levels_[other] == level ? other : kNone;
        }
        while (next_arc_[i] < offsets_[i + 1]) {
            const std::int32_t other = in(neighbors_[next_arc_[i]++]);
            if (levels_[other] == level) return other;
        }
        return used(i) && levels_[in(i)] == level ? in(i) : kNone;
    }

    void take_path() {
        std::int32_t from = kSource;
        for (std::size_t k = 0; k < path_.size(); ++k) {
            const std::int32_t door = path_[k], i = door / 2;
            levels_[door] = -1;  // one path at a time
            if (is_out(door)) {
                from = i;
            } else {
                // From its own door out: the path that passed does so no more.
                const bool left = k > 0 && path_[k - 1] == out(i);
                previous_[i] = left ? kNone : from;
            }
        }
    }

    Indices offsets_{0}, neighbors_;
    std::vector<char> kinds_;
    Indices previous_;  // on the path through each node
    Indices levels_, queue_, next_arc_, path_;
};

}  // namespace sdot::factor
