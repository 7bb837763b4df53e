// An aggregation multigrid with K-cycles for the Laplacian of a graph, as a preconditioner.
//
// Neighbours joined by the heaviest edges are merged in pairs, twice per level, so each
// coarse matrix is again the Laplacian of a graph, about four times smaller. Piecewise
// constant prolongation alone would slow down with the number of levels; two steps of
// flexible conjugate gradients on each level (the K-cycle) make the convergence independent
// of it. (Notay, An aggregation-based algebraic multigrid method, ETNA 37, 2010.)
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/interruption.hpp"
#include "base/parallel.hpp"
#include "laplacian/coarsening.hpp"
#include "laplacian/dense_laplacian.hpp"
#include "laplacian/graph.hpp"
#include "laplacian/vectors.hpp"

namespace sdot::laplacian {

class Multigrid {
public:
    Multigrid(Graph graph, int threads) : threads_(threads) {
        InterruptionCheck interrupted;
        levels_.emplace_back(std::move(graph));
        while (levels_.back().graph.size() > kDirectSize) {
            Level& fine = levels_.back();
            const Pairs first = match_pairs(fine.graph, Vector(fine.graph.size(), 0.0));
            interrupted.or_throw();
            const Graph paired = contract(fine.graph, first.pair_of, first.count);
            interrupted.or_throw();
            const Pairs second = match_pairs(paired, first.ties);
            interrupted.or_throw();
            if (second.count > 0.9 * fine.graph.size()) break;  // isolated nodes: no coarser graph
            fine.group_of.resize(fine.graph.size());
            for (std::size_t i = 0; i < fine.group_of.size(); ++i)
                fine.group_of[i] = second.pair_of[first.pair_of[i]];
            fine.groups = Groups(fine.group_of, second.count);
            levels_.emplace_back(contract(paired, second.pair_of, second.count));
            interrupted.or_throw();
        }
        if (levels_.back().graph.size() <= kLargestDirectSize)
            direct_ = std::make_unique<DenseLaplacian>(levels_.back().graph);
    }

    const Graph& graph() const { return levels_.front().graph; }
    int threads() const { return threads_; }

    void precondition(const Vector& right_side, Vector& x) { cycle(0, right_side, x); }

    // A number (n,) for each connected part of the graph; merged nodes are connected.
    std::vector<std::int32_t> connected_parts() const {
        std::vector<std::int32_t> part_of = laplacian::connected_parts(levels_.back().graph);
        for (std::size_t depth = levels_.size() - 1; depth-- > 0;) {
            const auto& group_of = levels_[depth].group_of;
            std::vector<std::int32_t> finer(group_of.size());
            for (std::size_t i = 0; i < finer.size(); ++i) finer[i] = part_of[group_of[i]];
            part_of = std::move(finer);
        }
        return part_of;
    }

private:
    static constexpr std::int32_t kDirectSize = 60;
    static constexpr std::int32_t kLargestDirectSize = 400;
    static constexpr double kEnoughReduction = 0.25;  // of the residual, by one coarse step

    struct Level {
        explicit Level(Graph g)
            : graph(std::move(g)),
              before(number_of_blocks(graph.size()) > 1 ? graph.size() : 0),
              first(graph.size()),
              second(graph.size()),
              first_image(graph.size()),
              second_image(graph.size()),
              right_side(graph.size()),
              solution(graph.size()) {}
        Graph graph;
        std::vector<std::int32_t> group_of;  // empty on the coarsest level
        Groups groups;
        Vector before, first, second, first_image, second_image, right_side, solution;
    };

    void cycle(std::size_t depth, const Vector& right_side, Vector& x) {
        Level& level = levels_[depth];
        const Graph& graph = level.graph;
        const bool coarsest = depth + 1 == levels_.size();
        if (coarsest && direct_) {
            direct_->solve(right_side, x);
            return;
        }
        graph.forward_sweep(right_side, x, threads_);
        if (!coarsest) {
            restrict_residual(level, x, levels_[depth + 1].right_side);
            solve_coarse(depth + 1);
            const Vector& correction = levels_[depth + 1].solution;
            parallel_for(x.size(), threads_, [&](std::size_t begin, std::size_t end) {
                for (std::size_t i = begin; i < end; ++i) x[i] += correction[level.group_of[i]];
            }, kParallelNumbers);
        }
        if (!level.before.empty())
            parallel_for(x.size(), threads_, [&](std::size_t begin, std::size_t end) {
                std::copy(x.begin() + begin, x.begin() + end, level.before.begin() + begin);
            }, kParallelNumbers);
        graph.backward_sweep(right_side, level.before, x, threads_);
    }

    // After a forward sweep.
    void restrict_residual(const Level& level, const Vector& x, Vector& coarse) const {
        const Groups& groups = level.groups;
        parallel_for(coarse.size(), threads_, [&](std::size_t begin, std::size_t end) {
            for (std::size_t g = begin; g < end; ++g) {
                double sum = 0;
                for (std::int32_t m = groups.starts[g]; m < groups.starts[g + 1]; ++m)
                    sum += level.graph.residual_of_sweep(x, groups.members[m]);
                coarse[g] = sum;
            }
        }, kParallelRows / 4);
    }

    // Up to two steps of flexible conjugate gradients on levels_[depth].
    void solve_coarse(std::size_t depth) {
        Level& level = levels_[depth];
        Vector& residual = level.right_side;
        if (depth + 1 == levels_.size()) {
            cycle(depth, residual, level.solution);
            return;
        }
        cycle(depth, residual, level.first);
        level.graph.multiply(level.first, level.first_image, threads_);
        const double rho1 = inner(level.first, level.first_image, threads_);
        const double alpha1 = inner(level.first, residual, threads_);
        if (!(rho1 > 0)) {
            level.solution = level.first;
            return;
        }
        const double before = inner(residual, residual, threads_);
        add_scaled(residual, -alpha1 / rho1, level.first_image, threads_);
        level.solution = level.first;
        if (inner(residual, residual, threads_) <= kEnoughReduction * kEnoughReduction * before) {
            for (double& value : level.solution) value *= alpha1 / rho1;
            return;
        }
        cycle(depth, residual, level.second);
        level.graph.multiply(level.second, level.second_image, threads_);
        const double gamma = inner(level.second, level.first_image, threads_);
        const double beta = inner(level.second, level.second_image, threads_);
        const double alpha2 = inner(level.second, residual, threads_);
        const double rho2 = beta - gamma * gamma / rho1;
        const double second_share = rho2 > 0 ? alpha2 / rho2 : 0.0;
        const double first_share = (alpha1 - gamma * second_share) / rho1;
        combine(level.solution, first_share, second_share, level.second, threads_);
    }

    int threads_;
    std::vector<Level> levels_;
    std::unique_ptr<DenseLaplacian> direct_;
};

}  // namespace sdot::laplacian
