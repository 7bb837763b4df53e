// The order of points along a space-filling curve.
#pragma once

#include <CGAL/Exact_predicates_inexact_constructions_kernel.h>
#include <CGAL/Spatial_sort_traits_adapter_2.h>
#include <CGAL/hilbert_sort.h>
#include <CGAL/property_map.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace sdot::triangulation {

// Writes the permutation that visits the positions along a Hilbert curve.
inline void hilbert_order(const double* positions, std::size_t count, std::int32_t* order) {
    using Kernel = CGAL::Exact_predicates_inexact_constructions_kernel;
    using Site = Kernel::Point_2;
    std::vector<Site> sites;
    sites.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
        sites.emplace_back(positions[2 * i], positions[2 * i + 1]);
    std::vector<std::size_t> indices(count);
    std::iota(indices.begin(), indices.end(), std::size_t{0});
    using Traits = CGAL::Spatial_sort_traits_adapter_2<Kernel, CGAL::Pointer_property_map<Site>::type>;
    CGAL::hilbert_sort(indices.begin(), indices.end(), Traits(CGAL::make_property_map(sites)));
    std::copy(indices.begin(), indices.end(), order);
}

}  // namespace sdot::triangulation
