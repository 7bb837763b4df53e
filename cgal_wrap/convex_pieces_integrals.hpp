// Integrals of a density on convex pieces over cells and along edges of a power diagram.
//
// A cell is cut by the pieces that it meets. On a part of it the integrals are sums over the
// triangles of a fan, with positive weights; parts are merged in pairs, moments about their own
// centroids, so that nothing cancels however small or far from the origin a cell is.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "convex_pieces.hpp"
#include "diagram_edges.hpp"
#include "geometry.hpp"
#include "parallel.hpp"
#include "polynomial_grid_moments.hpp"

namespace sdot {

// Polygons of which no index costs much are shared out in lots of this size.
constexpr std::size_t kSmallestPolygonRange = 256;

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

struct Polygons {
    const double* points;
    const std::int64_t* offsets;

    const Point* corners(std::size_t i) const {
        return reinterpret_cast<const Point*>(points) + offsets[i];
    }
    std::size_t corner_count(std::size_t i) const {
        return static_cast<std::size_t>(offsets[i + 1] - offsets[i]);
    }
};

// The results of polygons first ... first + count - 1, written to their places.
inline void piece_masses(const ConvexPieces& pieces, const PieceTree& tree,
                         const Polygons& polygons, std::size_t first, std::size_t count,
                         int threads, double* masses) {
    parallel_for(count, threads, [&](std::size_t begin, std::size_t end) {
        PieceCutter cutter(pieces, tree);
        for (std::size_t i = first + begin; i < first + end; ++i)
            masses[i] = cutter.sum<MassSum>(polygons.corners(i), polygons.corner_count(i),
                [&](std::size_t piece, const Polygon& part) {
                    return part_mass(pieces, piece, part);
                }).mass;
    }, kSmallestPolygonRange);
}

inline void piece_moments(const ConvexPieces& pieces, const PieceTree& tree,
                          const Polygons& polygons, std::size_t first, std::size_t count,
                          int threads, double* masses, double* centroids, double* second_moments) {
    parallel_for(count, threads, [&](std::size_t begin, std::size_t end) {
        PieceCutter cutter(pieces, tree);
        for (std::size_t i = first + begin; i < first + end; ++i) {
            const Moments cell = cutter.sum<Moments>(
                polygons.corners(i), polygons.corner_count(i),
                [&](std::size_t piece, const Polygon& part) {
                    return part_moments(pieces, piece, part);
                });
            const double undefined = std::numeric_limits<double>::quiet_NaN();
            masses[i] = cell.mass;
            centroids[2 * i] = cell.mass > 0 ? cell.mean.x : undefined;
            centroids[2 * i + 1] = cell.mass > 0 ? cell.mean.y : undefined;
            second_moments[3 * i] = cell.xx;
            second_moments[3 * i + 1] = cell.xy;
            second_moments[3 * i + 2] = cell.yy;
        }
    }, kSmallestPolygonRange);
}

// The potential on the polygon of site i:
// metric_x (x - site_x)^2 + metric_y (y - site_y)^2 - constants[i].
struct QuadraticPotential {
    Point metric;
    const double *sites, *constants;

    double operator()(std::size_t i, Point x) const {
        const Point r{x.x - sites[2 * i], x.y - sites[2 * i + 1]};
        return metric.x * r.x * r.x + metric.y * r.y * r.y - constants[i];
    }
};

// Adds to integrals[3 k ...] the integrals over piece k of the potential times 1 and times
// x - corner 0 of the piece. The rule must be exact for degree 4 (potential, factor, Jacobian).
// Parts are found in parallel and added in their order.
inline void add_potential_integrals(const ConvexPieces& pieces, const PieceTree& tree,
                                    const Polygons& polygons, const QuadraticPotential& potential,
                                    const GaussRule& rule, std::size_t first, std::size_t count,
                                    int threads, double* integrals) {
    struct Part {
        std::size_t piece;
        double integral;
        Point moment;
    };
    struct Nothing {
        void merge(const Nothing&) {}
    };
    constexpr std::size_t size = kSmallestPolygonRange;
    const std::size_t blocks = (count + size - 1) / size;
    std::vector<std::vector<Part>> found(blocks);
    const auto run_block = [&](std::size_t block, PieceCutter& cutter) {
        const std::size_t end = first + std::min(count, (block + 1) * size);
        for (std::size_t i = first + block * size; i < end; ++i)
            cutter.sum<Nothing>(
                polygons.corners(i), polygons.corner_count(i),
                [&](std::size_t piece, const Polygon& polygon) {
                    Part part{piece, 0, {0, 0}};
                    const Point origin = pieces.corners(piece)[0];
                    polygon_nodes(polygon, rule, [&](Point x, double weight) {
                        const double value = weight * potential(i, x);
                        part.integral += value;
                        part.moment = part.moment + value * (x - origin);
                    });
                    found[block].push_back(part);
                    return Nothing{};
                });
    };
    parallel_for(blocks, threads, [&](std::size_t begin, std::size_t end) {
        PieceCutter cutter(pieces, tree);
        for (std::size_t block = begin; block < end; ++block) run_block(block, cutter);
    }, 1);
    for (const auto& parts : found)
        for (const Part& part : parts) {
            integrals[3 * part.piece] += part.integral;
            integrals[3 * part.piece + 1] += part.moment.x;
            integrals[3 * part.piece + 2] += part.moment.y;
        }
}

// Integrals of the density along lines.
class PieceWalker {
public:
    PieceWalker(const ConvexPieces& pieces, const PieceTree& tree) : pieces_(pieces), tree_(tree) {}

    double integrate(const Line& line) const {
        double begin = line.begin, end = line.end;
        if (pieces_.count == 0 || !cut_to_box(line, begin, end)) return 0;
        const Point ends[2] = {line.at(begin), line.at(end)};
        const Box around = Box::around(ends, 2);
        const Point direction = line.direction;
        double total = 0;
        tree_.visit(
            tree_.root(),
            [&](const Box& box) {
                if (!box.meets(around)) return false;
                const Point gap = box.centre() - line.origin, half_size = box.half_size();
                const double reach = std::abs(direction.x) * half_size.y +
                                     std::abs(direction.y) * half_size.x;
                // Generous, so that a line along a side of the box is not lost to rounding.
                const double slack = 1e-12 * (std::abs(direction.x) + std::abs(direction.y)) *
                                     (std::abs(gap.x) + std::abs(gap.y) + half_size.x + half_size.y);
                return std::abs(cross(direction, gap)) <= reach + slack;
            },
            [&](std::size_t piece) { total += along(piece, line, begin, end); });
        return total * std::sqrt(dot(direction, direction));
    }

private:
    bool cut_to_box(const Line& line, double& begin, double& end) const {
        const Box& box = tree_.box(tree_.root());
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

    // The part inside a piece, in units of the direction's length. A line along a side is shared
    // half and half by the pieces on either side of it.
    double along(std::size_t piece, const Line& line, double begin, double end) const {
        double share = 1;
        const bool meets = pieces_.every_side(piece, [&](const PieceSide& side) {
            const double value = side(line.origin), slope = side.slope(line.direction);
            if (slope > 0) end = std::min(end, -value / slope);
            else if (slope < 0) begin = std::max(begin, -value / slope);
            else if (value > 0) return false;
            else if (value == 0) share = 0.5;
            return begin < end;
        });
        if (!meets) return 0;
        const Point middle = line.origin + 0.5 * (begin + end) * line.direction;
        return share * (end - begin) * pieces_.density(piece, middle);
    }

    const ConvexPieces& pieces_;
    const PieceTree& tree_;
};

// edge_weights[e] = (1 / (2 |y_i - y_j|)) * integral of the density along edge e.
inline void piece_edge_weights(const ConvexPieces& pieces, const PieceTree& tree,
                               const DiagramEdges& diagram, std::size_t first, std::size_t count,
                               int threads, double* edge_weights) {
    if (pieces.count == 0) {
        std::fill(edge_weights + first, edge_weights + first + count, 0.0);
        return;
    }
    const Box& box = tree.box(tree.root());
    const EdgeLines lines(diagram, box.low, box.high);
    const PieceWalker walker(pieces, tree);
    parallel_for(count, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t e = first + begin; e < first + end; ++e) {
            const Point normal = diagram.bisector(e).normal;
            edge_weights[e] = walker.integrate(lines.line(e)) / (2 * std::sqrt(dot(normal, normal)));
        }
    });
}

// The density at points; on a side that two pieces share, that of one of them.
inline void piece_densities(const ConvexPieces& pieces, const PieceTree& tree, const double* points,
                            std::size_t first, std::size_t count, int threads, double* densities) {
    if (pieces.count == 0) {
        std::fill(densities + first, densities + first + count, 0.0);
        return;
    }
    const auto inside = [&](std::size_t piece, Point x) {
        return pieces.every_side(piece, [&](const PieceSide& side) {
            const double value = side(x);
            return value < 0 || (value == 0 && side.is_closed());
        });
    };
    parallel_for(count, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = first + begin; i < first + end; ++i) {
            const Point x = reinterpret_cast<const Point*>(points)[i];
            double total = 0;
            tree.visit(
                tree.root(), [&](const Box& box) { return box.meets({x, x}); },
                [&](std::size_t piece) {
                    if (inside(piece, x)) total += pieces.density(piece, x);
                });
            densities[i] = total;
        }
    });
}

}  // namespace sdot
