// The factor of a graph Laplacian, by a multifrontal elimination.
//
// (Duff and Reid, The multifrontal solution of indefinite sparse symmetric linear equations, ACM
// Trans. Math. Software 9, 1983.)
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "factor/elimination.hpp"
#include "factor/fronts.hpp"
#include "laplacian/graph.hpp"

namespace sdot::factor {

// L = U D U^T, with a unit triangular U and one zero in D for each connected part of the graph.
class LaplacianFactor {
public:
    // Finds the order of elimination, and what it fills. Positions (n, 2) are those of the nodes
    // in the plane, with a straight edge between neighbours; where edges cross, it takes longer.
    LaplacianFactor(Graph graph, const double* positions, int threads)
        : graph_(std::move(graph)), threads_(threads), fronts_(graph_, positions, threads) {}

    std::size_t entries() const { return fronts_.entries; }

    // A number for the connected part of each node.
    Indices parts() const { return laplacian::connected_parts(graph_); }

    // How many multiplications the elimination takes.
    double products() const {
        double sum = 0;
        for (const Front& front : fronts_.all)
            sum += static_cast<double>(front.entries()) * static_cast<double>(front.rows());
        return sum;
    }

    void eliminate() {
        entries_.reset(new double[fronts_.entries]);
        pivots_.assign(graph_.size(), 0.0);
        std::vector<Update> updates(fronts_.all.size());
        fronts_.for_each(threads_, [&](std::size_t f) { eliminate(f, updates); });
    }

    // x with L x = b, up to a constant on each connected part; there b is to have the sum zero.
    void solve(const double* right_side, double* solution) const {
        std::vector<double> x(graph_.size());
        for (std::size_t k = 0; k < x.size(); ++k) x[k] = right_side[fronts_.order[k]];
        std::vector<std::vector<double>> updates(fronts_.all.size());
        fronts_.for_each(threads_, [&](std::size_t f) { substitute(f, x, updates); });
        fronts_.for_each_reversed(threads_, [&](std::size_t f) { substitute_back(f, x); });
        for (std::size_t k = 0; k < x.size(); ++k) solution[fronts_.order[k]] = x[k];
    }

    // By differences, in which the rounding of large x does not matter.
    void multiply(const double* values, double* product) const {
        const std::vector<double> x(values, values + graph_.size());
        std::vector<double> result(x.size());
        graph_.multiply(x, result, threads_);
        std::copy(result.begin(), result.end(), product);
    }

private:
    using Update = std::unique_ptr<double[]>;

    Block columns_of(const Front& front) const {
        return {entries_.get() + front.first_entry, front.rows()};
    }

    void eliminate(std::size_t f, std::vector<Update>& updates) {
        const Front& front = fronts_.all[f];
        const std::size_t own = front.own(), rows = front.rows(), rest = rows - own;
        const Block columns = columns_of(front);
        std::fill_n(columns.entries, front.entries(), 0.0);
        updates[f].reset(new double[rest * rest]());
        const Block update{updates[f].get(), rest};
        take_edges(front, columns);
        for (const std::int32_t child : front.children) {
            if (child < 0) continue;
            const Indices& target = fronts_.all[child].in_parent;
            add_update(updates[child].get(), target, columns, own, update);
            updates[child].reset();
        }
        Elimination elimination(threads_);
        elimination(columns, own, rows, pivots_.data() + front.begin, update);
    }

    void take_edges(const Front& front, const Block& columns) const {
        for (std::int32_t k = front.begin; k < front.end; ++k) {
            double* column = columns.column(static_cast<std::size_t>(k - front.begin));
            const std::int32_t i = fronts_.order[k];
            for (std::int32_t e = graph_.offsets[i]; e < graph_.offsets[i + 1]; ++e) {
                const std::int32_t place = fronts_.place_of[graph_.neighbors[e]];
                if (place > k) column[front.row_of(place)] += graph_.weights[e];
            }
        }
    }

    static void add_update(const double* from, const Indices& target, const Block& columns,
                           std::size_t own, const Block& update) {
        const std::size_t size = target.size();
        for (std::size_t c = 0; c < size; ++c, from += size) {
            const auto q = static_cast<std::size_t>(target[c]);
            const std::size_t skipped = q < own ? 0 : own;
            double* column = q < own ? columns.column(q) : update.column(q - own);
            for (std::size_t r = c + 1; r < size; ++r) column[target[r] - skipped] += from[r];
        }
    }

    // U^-1, children first: what they leave to their borders goes to their parents.
    void substitute(std::size_t f, std::vector<double>& x,
                    std::vector<std::vector<double>>& updates) const {
        const Front& front = fronts_.all[f];
        const std::size_t own = front.own(), rows = front.rows();
        std::vector<double> local(rows, 0.0);
        std::copy_n(x.data() + front.begin, own, local.data());
        for (const std::int32_t child : front.children) {
            if (child < 0) continue;
            const Indices& target = fronts_.all[child].in_parent;
            for (std::size_t r = 0; r < target.size(); ++r) local[target[r]] += updates[child][r];
            std::vector<double>().swap(updates[child]);
        }
        const Block columns = columns_of(front);
        for (std::size_t j = 0; j < own; ++j) {
            const double* column = columns.column(j);
            const double value = local[j];
            for (std::size_t r = j + 1; r < rows; ++r) local[r] += column[r] * value;
        }
        std::copy_n(local.data(), own, x.data() + front.begin);
        updates[f].assign(local.begin() + static_cast<std::ptrdiff_t>(own), local.end());
    }

    // (D U^T)^-1, parents first.
    void substitute_back(std::size_t f, std::vector<double>& x) const {
        const Front& front = fronts_.all[f];
        const std::size_t own = front.own(), rows = front.rows();
        std::vector<double> local(rows);
        std::copy_n(x.data() + front.begin, own, local.data());
        for (std::size_t r = own; r < rows; ++r) local[r] = x[front.border[r - own]];
        const Block columns = columns_of(front);
        for (std::size_t j = own; j-- > 0;) {
            const double *column = columns.column(j), pivot = pivots_[front.begin + j];
            double sums[4] = {};
            std::size_t r = j + 1;
            for (; r + 4 <= rows; r += 4)
                for (std::size_t s = 0; s < 4; ++s) sums[s] += column[r + s] * local[r + s];
            for (; r < rows; ++r) sums[0] += column[r] * local[r];
            const double above = (sums[0] + sums[1]) + (sums[2] + sums[3]);
            local[j] = pivot > 0 ? local[j] / pivot + above : 0.0;
        }
        std::copy_n(local.data(), own, x.data() + front.begin);
    }

    Graph graph_;
    int threads_;
    Fronts fronts_;
    std::unique_ptr<double[]> entries_;
    std::vector<double> pivots_;
};

}  // namespace sdot::factor
