// Solves a weighted graph Laplacian by conjugate gradients, preconditioned by an
// aggregation multigrid with K-cycles.
//
// Neighbours joined by the heaviest edges are merged in pairs, twice per level, so each
// coarse matrix is again the Laplacian of a graph, about four times smaller. Piecewise
// constant prolongation alone would slow down with the number of levels; two steps of
// flexible conjugate gradients on each level (the K-cycle) make the convergence independent
// of it. (Notay, An aggregation-based algebraic multigrid method, ETNA 37, 2010.)
//
// Loops over nodes are split over threads where they are long. Nothing depends on how many threads
// there are: sums and Gauss-Seidel sweeps go by blocks of nodes of a fixed size.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "interruption.hpp"
#include "parallel.hpp"

namespace sdot {

using Vector = std::vector<double>;

// Nodes worth a thread, in loops over their edges and in loops over numbers.
constexpr std::size_t kParallelRows = 8192;
constexpr std::size_t kParallelNumbers = 32768;
// Nodes whose products are summed, or who are swept, one after the other.
constexpr std::size_t kBlock = 16384;

inline std::size_t number_of_blocks(std::size_t size) { return (size + kBlock - 1) / kBlock; }

// body(begin, end) for every block.
template <class Body>
void for_each_block(std::size_t size, int threads, const Body& body, std::size_t smallest) {
    parallel_for(number_of_blocks(size), threads, [&](std::size_t first, std::size_t last) {
        for (std::size_t b = first; b < last; ++b)
            body(b * kBlock, std::min(size, (b + 1) * kBlock));
    }, 1 + (smallest - 1) / kBlock);
}

inline double inner(const Vector& a, const Vector& b, int threads) {
    Vector sums(number_of_blocks(a.size()));
    for_each_block(a.size(), threads, [&](std::size_t begin, std::size_t end) {
        // Four running sums: one would wait for each addition in turn.
        double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        std::size_t i = begin;
        for (; i + 4 <= end; i += 4) {
            s0 += a[i] * b[i];
            s1 += a[i + 1] * b[i + 1];
            s2 += a[i + 2] * b[i + 2];
            s3 += a[i + 3] * b[i + 3];
        }
        for (; i < end; ++i) s0 += a[i] * b[i];
        sums[begin / kBlock] = (s0 + s1) + (s2 + s3);
    }, kParallelNumbers);
    double total = 0;
    for (const double sum : sums) total += sum;
    return total;
}

inline void add_scaled(Vector& x, double factor, const Vector& y, int threads) {
    parallel_for(x.size(), threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) x[i] += factor * y[i];
    }, kParallelNumbers);
}

// x = a * x + b * y
inline void combine(Vector& x, double a, double b, const Vector& y, int threads) {
    parallel_for(x.size(), threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) x[i] = a * x[i] + b * y[i];
    }, kParallelNumbers);
}

// A weighted graph; its Laplacian has the weighted degrees on the diagonal and minus the
// weights off it. Neighbours of node i: offsets[i] <= k < offsets[i + 1].
struct Graph {
    std::vector<std::int32_t> offsets, neighbors;
    Vector weights, degrees, inverse_degrees;

    std::int32_t size() const { return static_cast<std::int32_t>(degrees.size()); }

    static Graph from_edges(std::size_t nodes, std::size_t edges, const std::int32_t* ends,
                            const double* edge_weights) {
        Graph graph;
        graph.offsets.assign(nodes + 1, 0);
        for (std::size_t e = 0; e < edges; ++e) {
            if (!(edge_weights[e] > 0)) continue;
            ++graph.offsets[ends[2 * e] + 1];
            ++graph.offsets[ends[2 * e + 1] + 1];
        }
        for (std::size_t i = 0; i < nodes; ++i) graph.offsets[i + 1] += graph.offsets[i];
        graph.neighbors.resize(graph.offsets[nodes]);
        graph.weights.resize(graph.offsets[nodes]);
        std::vector<std::int32_t> next(graph.offsets.begin(), graph.offsets.end() - 1);
        for (std::size_t e = 0; e < edges; ++e) {
            if (!(edge_weights[e] > 0)) continue;
            for (int side = 0; side < 2; ++side) {
                const std::int32_t k = next[ends[2 * e + side]]++;
                graph.neighbors[k] = ends[2 * e + 1 - side];
                graph.weights[k] = edge_weights[e];
            }
        }
        graph.sum_degrees();
        return graph;
    }

    void sum_degrees() {
        const std::size_t nodes = offsets.size() - 1;
        degrees.assign(nodes, 0.0);
        inverse_degrees.assign(nodes, 0.0);
        for (std::size_t i = 0; i < nodes; ++i) {
            for (std::int32_t k = offsets[i]; k < offsets[i + 1]; ++k) degrees[i] += weights[k];
            if (degrees[i] > 0) inverse_degrees[i] = 1 / degrees[i];
        }
    }

    // By differences: nodes tied by a heavy edge have almost the same x, and what is left
    // of it must not drown in the rounding of degree * x.
    double row_times(const Vector& x, std::int32_t i) const {
        double sum = 0;
        for (std::int32_t k = offsets[i]; k < offsets[i + 1]; ++k)
            sum += weights[k] * (x[i] - x[neighbors[k]]);
        return sum;
    }

    void multiply(const Vector& x, Vector& result, int threads) const {
        parallel_for(degrees.size(), threads, [&](std::size_t begin, std::size_t end) {
            for (auto i = static_cast<std::int32_t>(begin); i < static_cast<std::int32_t>(end); ++i)
                result[i] = row_times(x, i);
        }, kParallelRows);
    }

    // Gauss-Seidel from x = 0, in increasing order on each block. The other blocks are taken as
    // they were before, here zero. Nodes are numbered along a curve that fills the plane, so few
    // edges lead from one block to another.
    void forward_sweep(const Vector& right_side, Vector& x, int threads) const {
        for_each_block(degrees.size(), threads, [&](std::size_t begin, std::size_t end) {
            const auto first = static_cast<std::int32_t>(begin);
            for (std::int32_t i = first; i < static_cast<std::int32_t>(end); ++i) {
                double sum = right_side[i];
                for (std::int32_t k = offsets[i]; k < offsets[i + 1]; ++k)
                    if (neighbors[k] >= first && neighbors[k] < i)
                        sum += weights[k] * x[neighbors[k]];
                x[i] = sum * inverse_degrees[i];
            }
        }, kParallelRows);
    }

    // The same in decreasing order, from an x of which `before` is a copy; not needed for one
    // block.
    void backward_sweep(const Vector& right_side, const Vector& before, Vector& x,
                        int threads) const {
        for_each_block(degrees.size(), threads, [&](std::size_t begin, std::size_t end) {
            const auto first = static_cast<std::int32_t>(begin);
            const auto last = static_cast<std::int32_t>(end);
            for (std::int32_t i = last; i-- > first;) {
                double sum = right_side[i];
                for (std::int32_t k = offsets[i]; k < offsets[i + 1]; ++k) {
                    const std::int32_t j = neighbors[k];
                    sum += weights[k] * (j >= first && j < last ? x[j] : before[j]);
                }
                x[i] = sum * inverse_degrees[i];
            }
        }, kParallelRows);
    }
};

// Edges are weak that are lighter by these factors than the heaviest one of a node, and than
// those inside of it.
constexpr double kWeakEdge = 0.1;
constexpr double kWeakAgainstTies = 0.01;

// Nodes joined in pairs, some alone.
struct Pairs {
    std::int32_t count = 0;
    std::vector<std::int32_t> pair_of;  // of each node
    Vector ties;                        // the heaviest edge inside of each pair, or of its nodes
};

// Each node is joined to the free neighbour with the heaviest edge, if there is one. The edges
// inside of the nodes, ties, are those of pairs that they are made of.
inline Pairs match_pairs(const Graph& graph, const Vector& ties) {
    Pairs result;
    result.pair_of.assign(graph.size(), -1);
    for (std::int32_t i = 0; i < graph.size(); ++i) {
        if (result.pair_of[i] >= 0) continue;
        std::int32_t best = -1;
        double heaviest = 0, heaviest_free = 0;
        for (std::int32_t k = graph.offsets[i]; k < graph.offsets[i + 1]; ++k) {
            heaviest = std::max(heaviest, graph.weights[k]);
            if (result.pair_of[graph.neighbors[k]] < 0 && graph.weights[k] > heaviest_free) {
                heaviest_free = graph.weights[k];
                best = graph.neighbors[k];
            }
        }
        double tie = ties[i];
        // A weak edge makes a bad pair: the node would rather be alone. One that is weaker by far
        // than those inside of the nodes leaves them to move against each other as rigid bodies,
        // which neither Gauss-Seidel nor the coarse graph could do.
        if (best >= 0 && heaviest_free >= kWeakEdge * heaviest &&
            heaviest_free >= kWeakAgainstTies * std::max(tie, ties[best])) {
            result.pair_of[best] = result.count;
            tie = std::max({tie, ties[best], heaviest_free});
        }
        result.pair_of[i] = result.count++;
        result.ties.push_back(tie);
    }
    return result;
}

// The members of each group g: starts[g] <= m < starts[g + 1].
struct Groups {
    std::vector<std::int32_t> starts, members;

    Groups() = default;
    Groups(const std::vector<std::int32_t>& group_of, std::int32_t groups)
        : starts(groups + 1, 0), members(group_of.size()) {
        for (const auto group : group_of) ++starts[group + 1];
        for (std::int32_t g = 0; g < groups; ++g) starts[g + 1] += starts[g];
        std::vector<std::int32_t> next(starts.begin(), starts.end() - 1);
        for (std::size_t i = 0; i < group_of.size(); ++i)
            members[next[group_of[i]]++] = static_cast<std::int32_t>(i);
    }
};

// The graph of groups: weights between two groups add up, those inside one vanish.
inline Graph contract(const Graph& graph, const std::vector<std::int32_t>& group_of,
                      std::int32_t groups) {
    const auto [starts, members] = Groups(group_of, groups);
    Graph coarse;
    coarse.offsets.assign(1, 0);
    coarse.offsets.reserve(groups + 1);
    coarse.neighbors.reserve(graph.neighbors.size() / 2);
    coarse.weights.reserve(graph.neighbors.size() / 2);
    std::vector<std::int32_t> place(groups, -1);  // where a neighbour group stands in this row
    for (std::int32_t g = 0; g < groups; ++g) {
        const auto begin = static_cast<std::int32_t>(coarse.neighbors.size());
        for (std::int32_t m = starts[g]; m < starts[g + 1]; ++m) {
            const std::int32_t i = members[m];
            for (std::int32_t k = graph.offsets[i]; k < graph.offsets[i + 1]; ++k) {
                const std::int32_t other = group_of[graph.neighbors[k]];
                if (other == g) continue;
                if (place[other] < begin) {
                    place[other] = static_cast<std::int32_t>(coarse.neighbors.size());
                    coarse.neighbors.push_back(other);
                    coarse.weights.push_back(graph.weights[k]);
                } else {
                    coarse.weights[place[other]] += graph.weights[k];
                }
            }
        }
        coarse.offsets.push_back(static_cast<std::int32_t>(coarse.neighbors.size()));
    }
    coarse.sum_degrees();
    return coarse;
}

// L D L^T factors of a small Laplacian. Eliminating a node leaves a Laplacian, so each pivot
// is computed as a sum of positive weights: no subtraction, and full relative accuracy
// however much the weights differ (Grassmann, Taksar and Heyman, 1985). A vanishing pivot is
// the last node of a connected part; its unknown is set to zero.
class DenseLaplacian {
public:
    explicit DenseLaplacian(const Graph& graph)
        : size_(graph.size()), weights_(size_ * size_, 0.0), pivots_(size_, 0.0) {
        for (std::int32_t i = 0; i < graph.size(); ++i)
            for (std::int32_t k = graph.offsets[i]; k < graph.offsets[i + 1]; ++k)
                at(i, graph.neighbors[k]) = graph.weights[k];
        for (std::size_t j = 0; j < size_; ++j) {
            for (std::size_t k = j + 1; k < size_; ++k) pivots_[j] += at(j, k);
            if (!(pivots_[j] > 0)) continue;
            for (std::size_t i = j + 1; i < size_; ++i) {
                if (at(i, j) == 0) continue;
                at(i, j) /= pivots_[j];  // minus the entry of the unit triangular factor
                for (std::size_t k = j + 1; k < size_; ++k)
                    if (k != i) at(i, k) += at(i, j) * at(j, k);
            }
        }
    }

    void solve(const Vector& right_side, Vector& x) const {
        x = right_side;
        for (std::size_t j = 0; j < size_; ++j)
            for (std::size_t i = j + 1; i < size_; ++i) x[i] += at(i, j) * x[j];
        for (std::size_t j = size_; j-- > 0;) {
            x[j] = pivots_[j] > 0 ? x[j] / pivots_[j] : 0.0;
            for (std::size_t i = j + 1; i < size_; ++i) x[j] += at(i, j) * x[i];
        }
    }

private:
    double& at(std::size_t i, std::size_t j) { return weights_[i * size_ + j]; }
    double at(std::size_t i, std::size_t j) const { return weights_[i * size_ + j]; }

    std::size_t size_;
    Vector weights_, pivots_;
};

// A number for the connected part of each node.
inline std::vector<std::int32_t> connected_parts(const Graph& graph) {
    std::vector<std::int32_t> part_of(graph.size(), -1), stack;
    std::int32_t parts = 0;
    for (std::int32_t start = 0; start < graph.size(); ++start) {
        if (part_of[start] >= 0) continue;
        part_of[start] = parts;
        stack.push_back(start);
        while (!stack.empty()) {
            const std::int32_t i = stack.back();
            stack.pop_back();
            for (std::int32_t k = graph.offsets[i]; k < graph.offsets[i + 1]; ++k) {
                const std::int32_t j = graph.neighbors[k];
                if (part_of[j] >= 0) continue;
                part_of[j] = parts;
                stack.push_back(j);
            }
        }
        ++parts;
    }
    return part_of;
}

class Multigrid {
public:
    Multigrid(Graph graph, int threads) : threads_(threads) {
        levels_.emplace_back(std::move(graph));
        while (levels_.back().graph.size() > kDirectSize) {
            Level& fine = levels_.back();
            const Pairs first = match_pairs(fine.graph, Vector(fine.graph.size(), 0.0));
            const Graph paired = contract(fine.graph, first.pair_of, first.count);
            const Pairs second = match_pairs(paired, first.ties);
            if (second.count > 0.9 * fine.graph.size()) break;  // isolated nodes: no coarser graph
            fine.group_of.resize(fine.graph.size());
            for (std::size_t i = 0; i < fine.group_of.size(); ++i)
                fine.group_of[i] = second.pair_of[first.pair_of[i]];
            fine.groups = Groups(fine.group_of, second.count);
            levels_.emplace_back(contract(paired, second.pair_of, second.count));
        }
        if (levels_.back().graph.size() <= kLargestDirectSize)
            direct_ = std::make_unique<DenseLaplacian>(levels_.back().graph);
    }

    const Graph& graph() const { return levels_.front().graph; }
    int threads() const { return threads_; }

    void precondition(const Vector& right_side, Vector& x) { cycle(0, right_side, x); }

    // A number (n,) for each connected part of the graph; those who are merged are connected.
    std::vector<std::int32_t> connected_parts() const {
        std::vector<std::int32_t> part_of = sdot::connected_parts(levels_.back().graph);
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
            restrict_residual(level, right_side, x, levels_[depth + 1].right_side);
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

    void restrict_residual(const Level& level, const Vector& right_side, const Vector& x,
                           Vector& coarse) const {
        const Groups& groups = level.groups;
        parallel_for(coarse.size(), threads_, [&](std::size_t begin, std::size_t end) {
            for (std::size_t g = begin; g < end; ++g) {
                double sum = 0;
                for (std::int32_t m = groups.starts[g]; m < groups.starts[g + 1]; ++m) {
                    const std::int32_t i = groups.members[m];
                    sum += right_side[i] - level.graph.row_times(x, i);
                }
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

// A Laplacian is singular on the constants of each connected part.
class Constants {
public:
    explicit Constants(std::vector<std::int32_t> part_of)
        : part_of_(std::move(part_of)),
          sizes_(1 + *std::max_element(part_of_.begin(), part_of_.end()), 0.0) {
        for (const auto part : part_of_) sizes_[part] += 1;
    }

    void remove_means(Vector& x) const {
        Vector means(sizes_.size(), 0.0);
        for (std::size_t i = 0; i < x.size(); ++i) means[part_of_[i]] += x[i];
        for (std::size_t p = 0; p < means.size(); ++p) means[p] /= sizes_[p];
        for (std::size_t i = 0; i < x.size(); ++i) x[i] -= means[part_of_[i]];
    }

private:
    std::vector<std::int32_t> part_of_;
    Vector sizes_;
};

constexpr int kPatience = 10;  // steps without a smaller residual

struct LinearSolveReport {
    int iterations;
    double relative_residual;
    bool interrupted;
};

// Flexible conjugate gradients on L x = b, in the space of vectors with mean zero on every
// connected part: there L is regular, and rounding in b cannot make the iteration diverge.
//
// Edges much heavier than others magnify the rounding of x, past which the residual only grows:
// where it has not shrunk for some steps the iteration ends with the best x that there was.
inline LinearSolveReport solve_graph_laplacian(Multigrid& multigrid, const double* right_side,
                                               double tolerance, int max_iterations,
                                               int (*pending)(), double* solution) {
    InterruptionCheck interrupted(pending);
    const Graph& graph = multigrid.graph();
    const int threads = multigrid.threads();
    const Constants constants(multigrid.connected_parts());
    const std::size_t n = graph.degrees.size();
    Vector residual(right_side, right_side + n), x(n, 0.0), z(n), direction(n, 0.0), image(n, 0.0);
    constants.remove_means(residual);
    const double start = std::sqrt(inner(residual, residual, threads));
    Vector best = x;
    double norm = start, least = start, curvature = 0;
    int iteration = 0, best_iteration = 0;
    while (norm > tolerance * start && iteration < max_iterations &&
           iteration - best_iteration < kPatience) {
        if (interrupted()) return {iteration, 1.0, true};
        multigrid.precondition(residual, z);
        const double beta = iteration == 0 ? 0.0 : -inner(z, image, threads) / curvature;
        combine(direction, beta, 1.0, z, threads);
        graph.multiply(direction, image, threads);
        curvature = inner(direction, image, threads);
        if (!(curvature > 0)) break;
        const double alpha = inner(direction, residual, threads) / curvature;
        add_scaled(x, alpha, direction, threads);
        add_scaled(residual, -alpha, image, threads);
        norm = std::sqrt(inner(residual, residual, threads));
        ++iteration;
        if (norm < least) {
            least = norm;
            best_iteration = iteration;
            best = x;
        }
    }
    constants.remove_means(best);  // a large constant would cost the weights digits
    std::copy(best.begin(), best.end(), solution);
    return {iteration, start > 0 ? least / start : 0.0, false};
}

}  // namespace sdot
