// Integrals of a density on convex pieces over cells cut by discs.
//
// Cells within their discs are treated as in moments.hpp and pull_back.hpp. What of a cut cell is in
// one piece is cut into polygons and caps, on which rules with positive weights are exact up to
// rounding. Coordinates and centroids are seen from the site until the end, so that tiny discs lose
// nothing.
#pragma once

#include <cstddef>
#include <vector>

#include "base/caps.hpp"
#include "base/convex_polygons.hpp"
#include "base/geometry.hpp"
#include "base/moments.hpp"
#include "diagram/discs.hpp"
#include "pieces/batches.hpp"
#include "pieces/convex_pieces.hpp"
#include "pieces/cutter.hpp"
#include "pieces/edge_moments.hpp"
#include "pieces/edges.hpp"
#include "pieces/moments.hpp"
#include "pieces/pull_back.hpp"
#include "pieces/search.hpp"

namespace sdot::pieces {

using diagram::DiscMassArrays;
using diagram::DiscParts;
using diagram::Discs;

// What parts of pieces are integrated with; what DiscParts calls region(polygon or cap) of.
template <class OfRegion>
class RegionVisitor {
public:
    explicit RegionVisitor(const OfRegion& of_region) : of_region_(of_region) {}
    template <class Region>
    void region(const Region& part) {
        of_region_(part);
    }

private:
    const OfRegion& of_region_;
};

// Calls of_region(polygon or cap) for what of a part of a cell is in the disc.
template <class OfRegion>
void visit_regions(const Polygon& part, Point origin, const Disc& disc, const OfRegion& of_region) {
    RegionVisitor<OfRegion> visitor(of_region);
    DiscParts<RegionVisitor<OfRegion>> parts(visitor);
    parts.set(origin, disc);
    parts.run(part);
}

struct DiscMassSum {
    double mass = 0, arc_weight = 0;
    void merge(const DiscMassSum& other) {
        mass += other.mass;
        arc_weight += other.arc_weight;
    }
};

// The density along the arc of a region that has one.
template <class Density>
double arc_weight(const Polygon&, const CutRules&, const Density&) {
    return 0;
}
template <class Density>
double arc_weight(const Cap& cap, const CutRules& rules, const Density& density) {
    double sum = 0;
    arc_nodes(cap, rules, [&](Point x, double angle) { sum += 0.5 * angle * density(x); });
    return sum;
}

inline Point reference(const Polygon& polygon) { return polygon[0]; }
inline Point reference(const Cap& cap) { return cap.middle; }

// Calls write(i, sum, origin) for every cell, with the sum of of_part(piece, part) over the parts of
// a cell within its disc, seen from the zero point; or of of_region(piece, origin, region) over the
// regions of a cut one, seen from its origin.
template <class Sum, class OfPart, class OfRegion, class Write>
bool sum_disc_parts(const ConvexPieces& pieces, const PieceTree& tree, const ConvexPolygons& cells,
                    const Discs& discs, int threads, int (*pending)(), const OfPart& of_part,
                    const OfRegion& of_region, const Write& write) {
    return for_batches(cells.count, threads, pending, [&] { return PieceCutter(pieces, tree); },
                       [&](PieceCutter& cutter, std::size_t begin, std::size_t end) {
        cutter.clear();
        std::vector<Point> origins(end - begin, Point{0, 0});
        for (std::size_t i = begin; i < end; ++i) {
            cutter.add(i, cells.corners(i), cells.size(i));
            if (discs.cuts(i) && cells.size(i) > 0)
                origins[i - begin] = discs.origin(i, cells.corners(i), cells.size(i));
        }
        std::vector<Sum> blocks(cutter.count()), totals(end - begin);
        cutter.run(
            [&](std::size_t added, std::size_t i, std::size_t piece, const Polygon& part) {
                if (!discs.cuts(i)) {
                    blocks[added].merge(of_part(piece, part));
                    return;
                }
                const Point origin = origins[i - begin];
                visit_regions(part, origin, discs.seen_from(origin, i), [&](const auto& region) {
                    blocks[added].merge(of_region(piece, origin, region));
                });
            },
            [&](std::size_t added, std::size_t i) {
                totals[i - begin].merge(blocks[added]);
                blocks[added] = {};
            });
        for (std::size_t i = begin; i < end; ++i) write(i, totals[i - begin], origins[i - begin]);
    });
}

// The rules must be exact for affine functions.
inline bool piece_disc_masses(const ConvexPieces& pieces, const PieceTree& tree,
                              const ConvexPolygons& cells, const Discs& discs,
                              const CutRules& rules, int threads, int (*pending)(),
                              const DiscMassArrays& result) {
    return sum_disc_parts<DiscMassSum>(
        pieces, tree, cells, discs, threads, pending,
        [&](std::size_t piece, const Polygon& part) {
            return DiscMassSum{part_mass(pieces, piece, part).mass, 0};
        },
        [&](std::size_t piece, Point origin, const auto& region) {
            const auto density = [&](Point x) { return pieces.density(piece, origin + x); };
            DiscMassSum sum;
            region_nodes(region, rules,
                         [&](Point x, double weight) { sum.mass += weight * density(x); });
            sum.arc_weight = arc_weight(region, rules, density);
            return sum;
        },
        [&](std::size_t i, const DiscMassSum& sum, Point) {
            result.masses[i] = sum.mass;
            result.arc_weights[i] = sum.arc_weight;
        });
}

inline bool piece_disc_edge_weights(const ConvexPieces& pieces, const PieceTree& tree,
                                    const DiagramEdges& diagram, const Discs& discs, int threads,
                                    int (*pending)(), double* edge_weights) {
    const auto cut = [&](Line& line, std::size_t e) {
        return diagram::cut_to_discs(line, discs, diagram, e);
    };
    return piece_edge_weights(pieces, tree, diagram, threads, pending, cut, edge_weights);
}

// The rules must be exact for degree 3.
inline bool piece_disc_moments(const ConvexPieces& pieces, const PieceTree& tree,
                               const ConvexPolygons& cells, const Discs& discs,
                               const CutRules& rules, int threads, int (*pending)(),
                               const MomentArrays& moments) {
    return sum_disc_parts<Moments>(
        pieces, tree, cells, discs, threads, pending,
        [&](std::size_t piece, const Polygon& part) { return part_moments(pieces, piece, part); },
        [&](std::size_t piece, Point origin, const auto& region) {
            RawMoments sums;
            sums.origin = reference(region);
            region_nodes(region, rules, [&](Point x, double weight) {
                sums.add(x - sums.origin, weight * pieces.density(piece, origin + x));
            });
            return sums.central();
        },
        [&](std::size_t i, Moments cell, Point origin) {
            cell.mean = origin + cell.mean;
            moments.write(i, cell);
        });
}

inline bool disc_edge_moments(const ConvexPieces& pieces, const PieceTree& tree,
                              const DiagramEdges& diagram, const Discs& discs, int threads,
                              int (*pending)(), const EdgeMomentArrays& result) {
    const auto cut = [&](Line& line, std::size_t e) {
        return diagram::cut_to_discs(line, discs, diagram, e);
    };
    return edge_moments(pieces, tree, diagram, threads, pending, cut, result);
}

// Half of the integrals over the angle, along an arc.
inline Moments arc_part_moments(const ConvexPieces&, std::size_t, Point, const CutRules&,
                                const Polygon&) {
    return {};
}
inline Moments arc_part_moments(const ConvexPieces& pieces, std::size_t piece, Point origin,
                                const CutRules& rules, const Cap& cap) {
    RawMoments sums;
    sums.origin = cap.middle;
    arc_nodes(cap, rules, [&](Point x, double angle) {
        sums.add(x - cap.middle, 0.5 * angle * pieces.density(piece, origin + x));
    });
    return sums.central();
}

// The rules must be exact for degree 3.
inline bool arc_moments(const ConvexPieces& pieces, const PieceTree& tree,
                        const ConvexPolygons& cells, const Discs& discs, const CutRules& rules,
                        int threads, int (*pending)(), const MomentArrays& moments) {
    return sum_disc_parts<Moments>(
        pieces, tree, cells, discs, threads, pending,
        [](std::size_t, const Polygon&) { return Moments{}; },
        [&](std::size_t piece, Point origin, const auto& region) {
            return arc_part_moments(pieces, piece, origin, rules, region);
        },
        [&](std::size_t i, Moments arcs, Point origin) {
            arcs.mean = origin + arcs.mean;
            moments.write(i, arcs);
        });
}

// Adds to integrals[3 k ...] those of add_potential_integrals for a potential that is zero outside
// the discs. The rules must be exact for degree 3.
inline bool add_disc_potential_integrals(const ConvexPieces& pieces, const PieceTree& tree,
                                         const ConvexPolygons& cells, const Discs& discs,
                                         const CellPotential& potential, const CutRules& rules,
                                         int threads, int (*pending)(), double* integrals) {
    const auto of_part = [&](std::size_t piece, const Polygon& part, std::size_t i) {
        if (!discs.cuts(i)) return part_potential(pieces, piece, part, potential, i, rules.inner);
        PotentialIntegrals sums{piece, 0, {0, 0}};
        const Point origin = discs.origin(i, cells.corners(i), cells.size(i));
        const Point gap = origin - potential.site(i), corner = pieces.corners(piece)[0] - origin;
        visit_regions(part, origin, discs.seen_from(origin, i), [&](const auto& region) {
            region_nodes(region, rules, [&](Point x, double weight) {
                const double value = weight * potential.at_gap(i, gap + x);
                sums.integral += value;
                sums.moment = sums.moment + value * (x - corner);
            });
        });
        return sums;
    };
    return add_part_integrals(pieces, tree, cells, threads, pending, of_part, integrals);
}

}  // namespace sdot::pieces
