// The Kantorovich potential on the density's side, cell by cell.
#pragma once

#include <cstddef>

#include "base/geometry.hpp"

namespace sdot::diagram {

// sum_k metric_k (x_k - site_k)^2 - constant on each cell.
struct CellPotential {
    Point metric;
    const double *sites, *constants;

    Point site(std::size_t i) const { return {sites[2 * i], sites[2 * i + 1]}; }
    double operator()(std::size_t i, Point x) const {
        const Point gap = x - site(i);
        return metric.x * gap.x * gap.x + metric.y * gap.y * gap.y - constants[i];
    }
};

}  // namespace sdot::diagram
