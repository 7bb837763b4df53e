// Power cells as convex polygons, cut to a convex domain.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/convex_polygons.hpp"
#include "base/geometry.hpp"
#include "base/moments.hpp"
#include "base/parallel.hpp"
#include "diagram/edges.hpp"

namespace sdot::diagram {

// The edges around each site: edge `cell_edges[k]`, `cell_offsets[i] <= k < cell_offsets[i+1]`.
struct DiagramCells {
    DiagramEdges edges;
    const std::int32_t *cell_offsets, *cell_edges;

    std::int32_t other_site(std::int32_t edge, std::int32_t site) const {
        return edges.left(edge) == site ? edges.right(edge) : edges.left(edge);
    }
};

class CellCutter {
public:
    CellCutter(const DiagramCells& diagram, const Polygon& domain)
        : diagram_(diagram), edges_(diagram.edges), domain_(domain) {}

    // The cell of a site that is not hidden, counter-clockwise; empty outside the domain.
    const Polygon& cut(std::int32_t site) {
        if (!chain_vertices(site)) cut_by_bisectors(site);
        return polygon_;
    }

private:
    bool inside_domain(Point x) const {
        Point previous = domain_.back();
        for (const Point& corner : domain_) {
            if (cross(corner - previous, x - previous) < 0) return false;
            previous = corner;
        }
        return true;
    }

    // The common case: a bounded cell inside the domain is the chain of its own vertices.
    bool chain_vertices(std::int32_t site) {
        const auto begin = diagram_.cell_offsets[site], end = diagram_.cell_offsets[site + 1];
        starts_.clear();
        ends_.clear();
        for (auto k = begin; k < end; ++k) {
            const auto edge = diagram_.cell_edges[k];
            const bool left = edges_.left(edge) == site;
            const auto start = edges_.edge_vertices[2 * edge + (left ? 0 : 1)];
            const auto finish = edges_.edge_vertices[2 * edge + (left ? 1 : 0)];
            if (start < 0 || finish < 0 || !inside_domain(edges_.vertex(start))) return false;
            starts_.push_back(start);
            ends_.push_back(finish);
        }
        polygon_.clear();
        std::int32_t current = starts_.empty() ? -1 : starts_[0];
        for (std::size_t step = 0; step < starts_.size(); ++step) {
            polygon_.push_back(edges_.vertex(current));
            const auto found = std::find(starts_.begin(), starts_.end(), current);
            if (found == starts_.end()) return false;
            current = ends_[found - starts_.begin()];
        }
        return !polygon_.empty();
    }

    void cut_by_bisectors(std::int32_t site) {
        polygon_ = domain_;
        for (auto k = diagram_.cell_offsets[site]; k < diagram_.cell_offsets[site + 1]; ++k) {
            const auto other = diagram_.other_site(diagram_.cell_edges[k], site);
            // Seen from the same site by both cells.
            const Bisector bisector =
                edges_.sites.bisector(std::min(site, other), std::max(site, other));
            clip(polygon_, [&](Point x) { return bisector.side(x); }, scratch_,
                 site < other ? 1.0 : -1.0);
            polygon_.swap(scratch_);
        }
        if (polygon_.size() < 3) polygon_.clear();
    }

    const DiagramCells& diagram_;
    const DiagramEdges& edges_;
    const Polygon& domain_;
    Polygon polygon_, scratch_;
    std::vector<std::int32_t> starts_, ends_;
};

// All cells: `offsets` (sites + 1) into the returned points. Hidden sites have none.
inline std::vector<Point> cell_polygons(const DiagramCells& diagram, const std::uint8_t* is_hidden,
                                        const Polygon& domain, int threads,
                                        std::int64_t* offsets) {
    const std::size_t sites = diagram.edges.sites.count;
    const std::size_t blocks = std::max<std::size_t>(1, sites / kSmallestParallelRange);
    std::vector<std::vector<Point>> points(blocks);
    const auto run_block = [&](std::size_t block) {
        CellCutter cutter(diagram, domain);
        const std::size_t begin = sites * block / blocks;
        const std::size_t end = sites * (block + 1) / blocks;
        for (std::size_t site = begin; site < end; ++site) {
            std::size_t corners = 0;
            if (!is_hidden[site]) {
                const Polygon& cell = cutter.cut(static_cast<std::int32_t>(site));
                points[block].insert(points[block].end(), cell.begin(), cell.end());
                corners = cell.size();
            }
            offsets[site + 1] = static_cast<std::int64_t>(corners);
        }
    };
    parallel_for(blocks, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t block = begin; block < end; ++block) run_block(block);
    }, 1);
    offsets[0] = 0;
    for (std::size_t site = 0; site < sites; ++site) offsets[site + 1] += offsets[site];
    std::vector<Point> all;
    all.reserve(static_cast<std::size_t>(offsets[sites]));
    for (auto& part : points) {
        all.insert(all.end(), part.begin(), part.end());
        std::vector<Point>().swap(part);
    }
    return all;
}

// Area, centroid and central second moments of each polygon.
inline void polygon_moments(const ConvexPolygons& polygons, int threads,
                            const MomentArrays& moments) {
    parallel_for(polygons.count, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            const RawMoments sums = polygon_raw_moments(polygons.corners(i), polygons.size(i));
            moments.write(i, sums.central());
            moments.masses[i] = sums.mass;  // that of a sliver may be rounded to below zero
        }
    });
}

}  // namespace sdot::diagram
