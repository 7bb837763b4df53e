// Sinkhorn's algorithm in the log domain between masses on two uniform grids.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/interruption.hpp"
#include "entropic/grid_log_sum.hpp"
#include "entropic/uniform_grid.hpp"

namespace sdot::entropic {

struct Marginal {
    UniformGrid grid;
    const double* log_masses;  // -infinity where there is none
    double* potential;         // x major
};

// Sweeps of Sinkhorn's iteration at each epsilon in turn: on_sites from on_density, then the
// other way round. Returns false if interrupted.
inline bool sinkhorn(const Marginal& sites, const Marginal& density, const double* epsilons,
                     std::size_t count, int sweeps, int threads, int (*pending)()) {
    InterruptionCheck interrupted(pending);
    std::vector<double> values(std::max(sites.grid.size(), density.grid.size()));
    const auto update = [&](const Marginal& from, const Marginal& to, GridLogSum& log_sum,
                            double epsilon) {
        for (std::size_t i = 0; i < from.grid.size(); ++i)
            values[i] = from.log_masses[i] + from.potential[i] / epsilon;
        log_sum(values.data(), threads, to.potential);
        for (std::size_t i = 0; i < to.grid.size(); ++i) to.potential[i] *= -epsilon;
    };
    for (std::size_t e = 0; e < count; ++e) {
        GridLogSum to_sites(sites.grid, density.grid, epsilons[e]);
        GridLogSum to_density(density.grid, sites.grid, epsilons[e]);
        for (int sweep = 0; sweep < sweeps; ++sweep) {
            if (interrupted()) return false;
            update(density, sites, to_sites, epsilons[e]);
            update(sites, density, to_density, epsilons[e]);
        }
    }
    return true;
}

}  // namespace sdot::entropic
