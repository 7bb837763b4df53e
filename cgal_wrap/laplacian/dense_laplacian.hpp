// Direct solution for small graphs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "laplacian/graph.hpp"

namespace sdot::laplacian {

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

}  // namespace sdot::laplacian
