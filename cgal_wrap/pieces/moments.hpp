// Integrals of a density on convex pieces over cells of a power diagram.
//
// A cell is cut by the pieces that it meets. On a part of it the integrals are sums over the
// triangles of a fan, with positive weights; parts are merged in blocks, moments about their own
// centroids, so that nothing cancels however small or far from the origin a cell is.
#pragma once

#include <cstddef>
#include <vector>

#include "base/convex_polygons.hpp"
#include "base/geometry.hpp"
#include "base/moments.hpp"
#include "pieces/batches.hpp"
#include "pieces/convex_pieces.hpp"
#include "pieces/cutter.hpp"
#include "pieces/search.hpp"

namespace sdot::pieces {

// Calls visit(a, b, area, p, q, r) for the triangles (corner 0, a, b) of a fan, a and b relative
// to corner 0, and p, q, r the density at the three corners.
template <class Visit>
void fan(const ConvexPieces& pieces, std::size_t piece, const Polygon& part, const Visit& visit) {
    const double p = pieces.density(piece, part[0]);
    double q = pieces.density(piece, part[1]);
    Point a = part[1] - part[0];
    for (std::size_t k = 2; k < part.size(); ++k) {
        const Point b = part[k] - part[0];
        const double r = pieces.density(piece, part[k]);
        visit(a, b, 0.5 * cross(a, b), p, q, r);
        a = b;
        q = r;
    }
}

struct MassSum {
    double mass = 0;
    void merge(const MassSum& other) { mass += other.mass; }
};

inline MassSum part_mass(const ConvexPieces& pieces, std::size_t piece, const Polygon& part) {
    MassSum sum;
    fan(pieces, piece, part, [&](Point, Point, double area, double p, double q, double r) {
        sum.mass += area * (p + q + r) / 3;
    });
    return sum;
}

// With barycentric coordinates l of a triangle of area A, the integral of
// l_1^i l_2^j l_3^k is 2 A i! j! k! / (i + j + k + 2)!.
inline Moments part_moments(const ConvexPieces& pieces, std::size_t piece, const Polygon& part) {
    RawMoments sums;
    sums.origin = part[0];
    fan(pieces, piece, part, [&](Point a, Point b, double area, double p, double q, double r) {
        sums.mass += area * (p + q + r) / 3;
        sums.first = sums.first + area / 12 * ((p + 2 * q + r) * a + (p + q + 2 * r) * b);
        const double aa = area / 30 * (p + 3 * q + r), bb = area / 30 * (p + q + 3 * r);
        const double ab = area / 60 * (p + 2 * q + 2 * r);
        sums.xx += aa * a.x * a.x + 2 * ab * a.x * b.x + bb * b.x * b.x;
        sums.xy += aa * a.x * a.y + ab * (a.x * b.y + b.x * a.y) + bb * b.x * b.y;
        sums.yy += aa * a.y * a.y + 2 * ab * a.y * b.y + bb * b.y * b.y;
    });
    return sums.central();
}

// Calls write(i, sum) for every polygon, where the sum is that of of_part(piece, part) over its
// parts inside single pieces.
template <class Sum, class OfPart, class Write>
bool sum_parts(const ConvexPieces& pieces, const PieceTree& tree, const ConvexPolygons& polygons,
               int threads, int (*pending)(), const OfPart& of_part, const Write& write) {
    return for_batches(polygons.count, threads, pending, [&] { return PieceCutter(pieces, tree); },
                       [&](PieceCutter& cutter, std::size_t begin, std::size_t end) {
        cutter.clear();
        for (std::size_t i = begin; i < end; ++i)
            cutter.add(i, polygons.corners(i), polygons.size(i));
        std::vector<Sum> blocks(cutter.count()), totals(end - begin);
        cutter.run(
            [&](std::size_t added, std::size_t, std::size_t piece, const Polygon& part) {
                blocks[added].merge(of_part(piece, part));
            },
            [&](std::size_t added, std::size_t i) {
                totals[i - begin].merge(blocks[added]);
                blocks[added] = {};
            });
        for (std::size_t i = begin; i < end; ++i) write(i, totals[i - begin]);
    });
}

inline bool piece_masses(const ConvexPieces& pieces, const PieceTree& tree,
                         const ConvexPolygons& polygons, int threads, int (*pending)(),
                         double* masses) {
    return sum_parts<MassSum>(
        pieces, tree, polygons, threads, pending,
        [&](std::size_t piece, const Polygon& part) { return part_mass(pieces, piece, part); },
        [&](std::size_t i, const MassSum& sum) { masses[i] = sum.mass; });
}

inline bool piece_moments(const ConvexPieces& pieces, const PieceTree& tree,
                          const ConvexPolygons& polygons, int threads, int (*pending)(),
                          const MomentArrays& moments) {
    return sum_parts<Moments>(
        pieces, tree, polygons, threads, pending,
        [&](std::size_t piece, const Polygon& part) { return part_moments(pieces, piece, part); },
        [&](std::size_t i, const Moments& cell) { moments.write(i, cell); });
}

}  // namespace sdot::pieces
