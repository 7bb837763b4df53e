// The integrals of pull_back.hpp for a potential that is zero outside discs around the sites.
#pragma once

#include <cstddef>

#include "base/caps.hpp"
#include "base/convex_polygons.hpp"
#include "base/geometry.hpp"
#include "base/parallel.hpp"
#include "grid/discs.hpp"
#include "grid/pull_back.hpp"

namespace sdot::grid {

// What a cut cell adds to the sums of a row of pixels.
template <int Terms>
class DiscPotentialSums {
public:
    DiscPotentialSums(PotentialSums<Terms>& sums, const CutRules& rules)
        : sums_(sums), rules_(rules) {}

    template <class Region>
    void region(int ix, int iy, Point origin, const Region& part) {
        sums_.nodes(ix, iy, origin, [&](const auto& visit) { region_nodes(part, rules_, visit); });
    }
    void end_row() {}

private:
    PotentialSums<Terms>& sums_;
    const CutRules& rules_;
};

// The rules must be exact for degree 2 terms + 1.
template <int Terms>
void disc_pull_back_with(const PolynomialGrid& grid, const CutRules& rules,
                         const ConvexPolygons& cells, const Discs& discs,
                         const CellPotential& potentials, int threads, double* result) {
    const CellsOfRows rows(grid.y, cells);
    const std::size_t count = static_cast<std::size_t>(grid.y.pixels);
    parallel_for(count, threads, [&](std::size_t begin, std::size_t end) {
        PotentialSums<Terms> sums(grid, rules.inner, potentials);
        PixelPieces<PotentialSums<Terms>> pieces(grid, sums);
        DiscPotentialSums<Terms> disc_sums(sums, rules);
        CutPixelPieces<DiscPotentialSums<Terms>> cut_pieces(grid, disc_sums);
        for (std::size_t row = begin; row < end; ++row) {
            const int iy = static_cast<int>(row);
            for (std::size_t k = rows.offsets[row]; k < rows.offsets[row + 1]; ++k) {
                const std::size_t cell = rows.cells[k];
                sums.start_cell(cell);
                if (discs.cuts(cell)) cut_pieces.run_in_row(cells, discs, cell, iy);
                else pieces.run_in_row(cells.corners(cell), cells.size(cell), iy);
            }
            sums.take_row(iy, result);
        }
    }, 8);
}

inline void disc_pull_back(const PolynomialGrid& grid, const CutRules& rules,
                           const ConvexPolygons& cells, const Discs& discs,
                           const CellPotential& potentials, int threads, double* result) {
    with_constant_terms(grid.terms, [&](auto terms) {
        disc_pull_back_with<terms>(grid, rules, cells, discs, potentials, threads, result);
    });
}

}  // namespace sdot::grid
