// Solves a weighted graph Laplacian by conjugate gradients, preconditioned by a multigrid.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/interruption.hpp"
#include "laplacian/graph.hpp"
#include "laplacian/multigrid.hpp"
#include "laplacian/vectors.hpp"

namespace sdot::laplacian {

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
    Vector best;  // x before the residual grew; empty while it shrinks
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
            best.clear();
        } else if (best.empty()) {
            best = x;
            add_scaled(best, -alpha, direction, threads);
        }
    }
    if (best.empty()) best = std::move(x);
    constants.remove_means(best);  // a large constant would cost the weights digits
    std::copy(best.begin(), best.end(), solution);
    return {iteration, start > 0 ? least / start : 0.0, false};
}

}  // namespace sdot::laplacian
