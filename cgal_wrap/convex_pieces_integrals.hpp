// Integrals of a density on convex pieces over cells and along edges of a power diagram.
//
// A cell is cut by the pieces that it meets. On a part of it the integrals are sums over the
// triangles of a fan, with positive weights; parts are merged in blocks, moments about their own
// centroids, so that nothing cancels however small or far from the origin a cell is.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "box.hpp"
#include "cell_potential.hpp"
#include "convex_pieces.hpp"
#include "convex_polygons.hpp"
#include "diagram_edges.hpp"
#include "geometry.hpp"
#include "interruption.hpp"
#include "moments.hpp"
#include "parallel.hpp"
#include "piece_cutter.hpp"
#include "piece_search.hpp"

namespace sdot {

// So many neighbouring polygons, edges or points are searched for at once. The same whatever the
// number of threads.
constexpr std::size_t kBatch = 512;
// Between two looks for an interruption.
constexpr std::size_t kPortion = 32 * kBatch;

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

// Calls run_batch(worker, begin, end) for the batches of a range, each thread with a worker of its
// own from make_worker().
template <class MakeWorker, class RunBatch>
void run_batches(std::size_t first, std::size_t last, int threads, const MakeWorker& make_worker,
                 const RunBatch& run_batch) {
    const std::size_t batches = (last - first + kBatch - 1) / kBatch;
    parallel_for(batches, threads, [&](std::size_t begin, std::size_t end) {
        auto worker = make_worker();
        for (std::size_t batch = first + begin * kBatch; batch < first + end * kBatch;
             batch += kBatch)
            run_batch(worker, batch, std::min(last, batch + kBatch));
    }, 1);
}

// The same for 0 ... count - 1; returns false if interrupted, as the integrals do.
template <class MakeWorker, class RunBatch>
bool for_batches(std::size_t count, int threads, int (*pending)(), const MakeWorker& make_worker,
                 const RunBatch& run_batch) {
    return for_portions(count, kPortion, pending, [&](std::size_t first, std::size_t last) {
        run_batches(first, last, threads, make_worker, run_batch);
    });
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

// The integrals of a potential over a part of a piece, times 1 and times x - corner 0 of the piece.
struct PotentialIntegrals {
    std::size_t piece;
    double integral;
    Point moment;
};

// The rule must be exact for degree 4 (potential, factor, Jacobian).
inline PotentialIntegrals part_potential(const ConvexPieces& pieces, std::size_t piece,
                                         const Polygon& part, const CellPotential& potential,
                                         std::size_t cell, const GaussRule& rule) {
    PotentialIntegrals sums{piece, 0, {0, 0}};
    const Point origin = pieces.corners(piece)[0];
    polygon_nodes(part, rule, [&](Point x, double weight) {
        const double value = weight * potential(cell, x);
        sums.integral += value;
        sums.moment = sums.moment + value * (x - origin);
    });
    return sums;
}

// Adds those over all parts of piece k to integrals[3 k ...]. Parts are found in parallel and added
// in their order.
inline bool add_potential_integrals(const ConvexPieces& pieces, const PieceTree& tree,
                                    const ConvexPolygons& polygons, const CellPotential& potential,
                                    const GaussRule& rule, int threads, int (*pending)(),
                                    double* integrals) {
    return for_portions(polygons.count, kPortion, pending, [&](std::size_t first, std::size_t last) {
        std::vector<std::vector<PotentialIntegrals>> found((last - first + kBatch - 1) / kBatch);
        run_batches(first, last, threads, [&] { return PieceCutter(pieces, tree); },
                    [&](PieceCutter& cutter, std::size_t begin, std::size_t end) {
            cutter.clear();
            for (std::size_t i = begin; i < end; ++i)
                cutter.add(i, polygons.corners(i), polygons.size(i));
            auto& parts = found[(begin - first) / kBatch];
            cutter.run(
                [&](std::size_t, std::size_t i, std::size_t piece, const Polygon& part) {
                    parts.push_back(part_potential(pieces, piece, part, potential, i, rule));
                },
                [](std::size_t, std::size_t) {});
        });
        for (const auto& parts : found)
            for (const PotentialIntegrals& part : parts) {
                integrals[3 * part.piece] += part.integral;
                integrals[3 * part.piece + 1] += part.moment.x;
                integrals[3 * part.piece + 2] += part.moment.y;
            }
    });
}

// The part of a line between two parameters.
struct Segment {
    Line line;
    double begin, end;

    // Whether anything is left of it inside a box.
    bool cut_to(const Box& box) {
        const auto cut = [&](double origin, double slope, double low, double high) {
            if (slope == 0) return origin >= low && origin <= high;
            const double one = (low - origin) / slope, other = (high - origin) / slope;
            begin = std::max(begin, std::min(one, other));
            end = std::min(end, std::max(one, other));
            return true;
        };
        return cut(line.origin.x, line.direction.x, box.low.x, box.high.x) &&
               cut(line.origin.y, line.direction.y, box.low.y, box.high.y) && begin < end;
    }

    Box box() const {
        const Point ends[2] = {line.at(begin), line.at(end)};
        return Box::around(ends, 2);
    }

    // The integral of the density inside a piece. A line along a side is shared half and half by
    // the pieces on either side of it.
    double integral(const ConvexPieces& pieces, std::size_t piece) const {
        double from = begin, to = end, share = 1;
        const bool meets = pieces.every_side(piece, [&](const PieceSide& side) {
            const double value = side(line.origin), slope = side.slope(line.direction);
            if (slope > 0) to = std::min(to, -value / slope);
            else if (slope < 0) from = std::max(from, -value / slope);
            else if (value > 0) return false;
            else if (value == 0) share = 0.5;
            return from < to;
        });
        if (!meets) return 0;
        const Point middle = line.origin + 0.5 * (from + to) * line.direction;
        const double length = std::sqrt(dot(line.direction, line.direction));
        return share * (to - from) * length * pieces.density(piece, middle);
    }
};

// edge_weights[e] = (1 / (2 |y_i - y_j|)) * integral of the density along edge e.
inline bool piece_edge_weights(const ConvexPieces& pieces, const PieceTree& tree,
                               const DiagramEdges& diagram, int threads, int (*pending)(),
                               double* edge_weights) {
    const Box& around = tree.box(tree.root());
    const EdgeLines lines(diagram, around.low, around.high);
    return for_batches(diagram.count, threads, pending, [&] { return PieceSearch(tree); },
                       [&](PieceSearch& search, std::size_t begin, std::size_t end) {
        std::vector<Segment> segments;
        std::vector<Box> boxes;
        std::vector<std::size_t> edges;
        for (std::size_t e = begin; e < end; ++e) {
            edge_weights[e] = 0;
            const Line line = lines.line(e);
            Segment segment{line, line.begin, line.end};
            if (!segment.cut_to(around)) continue;
            segments.push_back(segment);
            boxes.push_back(segment.box());
            edges.push_back(e);
        }
        std::vector<double> blocks(edges.size());
        search.run(
            boxes,
            [&](std::size_t k, std::size_t piece) {
                blocks[k] += segments[k].integral(pieces, piece);
            },
            [&](std::size_t k) {
                edge_weights[edges[k]] += blocks[k];
                blocks[k] = 0;
            });
        for (const std::size_t e : edges) {
            const Point normal = diagram.bisector(e).normal;
            edge_weights[e] /= 2 * std::sqrt(dot(normal, normal));
        }
    });
}

// The density at points; on a side that two pieces share, that of one of them.
inline bool piece_densities(const ConvexPieces& pieces, const PieceTree& tree, const double* points,
                            std::size_t count, int threads, int (*pending)(), double* densities) {
    const Point* point = reinterpret_cast<const Point*>(points);
    return for_batches(count, threads, pending, [&] { return PieceSearch(tree); },
                       [&](PieceSearch& search, std::size_t begin, std::size_t end) {
        std::fill(densities + begin, densities + end, 0.0);
        std::vector<Box> boxes;
        for (std::size_t i = begin; i < end; ++i) boxes.push_back({point[i], point[i]});
        search.run(
            boxes,
            [&](std::size_t k, std::size_t piece) {
                const Point x = point[begin + k];
                const bool inside = pieces.every_side(piece, [&](const PieceSide& side) {
                    const double value = side(x);
                    return value < 0 || (value == 0 && side.is_closed());
                });
                if (inside) densities[begin + k] += pieces.density(piece, x);
            },
            [](std::size_t) {});
    });
}

}  // namespace sdot
