// The Kantorovich potential on the density's side, cell by cell.
#pragma once

#include <cstddef>

#include "base/geometry.hpp"

namespace sdot::diagram {

// sum_k (metric_k g_k^2 + slope_k g_k) - constant on each cell, with g = x - site.
//
// Slopes are zero but where the sites are far from the density: squares of distances to them would
// be large, and what distinguishes one cell from another would drown in their rounding.
struct CellPotential {
    Point metric;
    const double *sites, *slopes, *constants;

    Point site(std::size_t i) const { return {sites[2 * i], sites[2 * i + 1]}; }
    Point slope(std::size_t i) const { return {slopes[2 * i], slopes[2 * i + 1]}; }
    double operator()(std::size_t i, Point x) const { return at_gap(i, x - site(i)); }
    double at_gap(std::size_t i, Point gap) const {
        return metric.x * gap.x * gap.x + metric.y * gap.y * gap.y + dot(slope(i), gap) -
               constants[i];
    }
};

}  // namespace sdot::diagram
