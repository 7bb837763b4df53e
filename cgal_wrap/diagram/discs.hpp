// Discs around the sites of a diagram, which cut its cells and edges.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/box.hpp"
#include "base/convex_polygons.hpp"
#include "base/disc_cutter.hpp"
#include "base/geometry.hpp"
#include "base/parallel.hpp"
#include "diagram/edges.hpp"

namespace sdot::diagram {

struct Discs {
    const double *centres, *squared_radii;  // empty if not positive, infinite for the plane
    const std::uint8_t* is_cut;             // by the disc, or not within it at all

    Point centre(std::size_t i) const { return {centres[2 * i], centres[2 * i + 1]}; }
    bool cuts(std::size_t i) const { return is_cut[i] != 0; }
    Disc seen_from(Point origin, std::size_t i) const {
        return {centre(i) - origin, squared_radii[i]};
    }
    // Where coordinates are small and exact both in the disc and in the cell: at the site, or at
    // the corner or side of the cell's box that is nearest to it.
    Point origin(std::size_t i, const Point* corners, std::size_t count) const {
        const Box box = Box::around(corners, count);
        const Point y = centre(i);
        return {std::max(box.low.x, std::min(y.x, box.high.x)),
                std::max(box.low.y, std::min(y.y, box.high.y))};
    }
};

// Of cells cut by discs, in arrays that the caller has made.
struct DiscMassArrays {
    double *masses, *edge_weights, *arc_weights;  // (n,), (e,), (n,)
};

// Cuts a polygon to a box around a disc, which is larger by what rounding may take from it.
class DiscBoxCutter {
public:
    void cut(Polygon& polygon, Point centre, double squared_radius) {
        const double radius = 1.0001 * std::sqrt(squared_radius);
        cut_along(polygon, &Point::x, centre.x, radius + 1e-15 * std::abs(centre.x));
        cut_along(polygon, &Point::y, centre.y, radius + 1e-15 * std::abs(centre.y));
    }

private:
    // Only where much is cut off: cutting takes longer than looking at a few corners.
    void cut_along(Polygon& polygon, double Point::*axis, double centre, double reach) {
        if (std::all_of(polygon.begin(), polygon.end(), [=](Point p) {
                return std::abs(p.*axis - centre) < kWorthCutting * reach;
            }))
            return;
        const double low = centre - reach, high = centre + reach;
        keep(polygon, [=](Point p) { return low - p.*axis; });
        keep(polygon, [=](Point p) { return p.*axis - high; });
    }

    template <class Side>
    void keep(Polygon& polygon, const Side& side) {
        if (std::none_of(polygon.begin(), polygon.end(), [&](Point p) { return side(p) > 0; }))
            return;
        clip(polygon, side, scratch_);
        polygon.swap(scratch_);
    }

    static constexpr double kWorthCutting = 2;

    Polygon scratch_;
};

// What of the cells lies near their discs: cells within them, marked by is_cut[i] = 0, as they are;
// others cut to boxes around them. `offsets` (cells + 1) into the returned points.
inline std::vector<Point> cells_near_discs(const ConvexPolygons& cells, const double* centres,
                                           const double* squared_radii, int threads,
                                           std::int64_t* offsets, std::uint8_t* is_cut) {
    const std::size_t blocks = std::max<std::size_t>(1, cells.count / kSmallestParallelRange);
    std::vector<std::vector<Point>> points(blocks);
    const auto run_block = [&](std::size_t block) {
        DiscBoxCutter cutter;
        Polygon cell;
        const std::size_t end = cells.count * (block + 1) / blocks;
        for (std::size_t i = cells.count * block / blocks; i < end; ++i) {
            const Point centre{centres[2 * i], centres[2 * i + 1]};
            cell.assign(cells.corners(i), cells.corners(i) + cells.size(i));
            const bool is_within = std::all_of(cell.begin(), cell.end(), [&](Point corner) {
                return dot(corner - centre, corner - centre) <= squared_radii[i];
            });
            is_cut[i] = !(is_within && squared_radii[i] > 0);
            if (!(squared_radii[i] > 0)) cell.clear();
            else if (is_cut[i]) cutter.cut(cell, centre, squared_radii[i]);
            if (cell.size() < 3) cell.clear();
            points[block].insert(points[block].end(), cell.begin(), cell.end());
            offsets[i + 1] = static_cast<std::int64_t>(cell.size());
        }
    };
    parallel_for(blocks, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t block = begin; block < end; ++block) run_block(block);
    }, 1);
    offsets[0] = 0;
    for (std::size_t i = 0; i < cells.count; ++i) offsets[i + 1] += offsets[i];
    std::vector<Point> all;
    all.reserve(static_cast<std::size_t>(offsets[cells.count]));
    for (const auto& part : points) all.insert(all.end(), part.begin(), part.end());
    return all;
}

// The part of a line in a disc; false if there is none.
inline bool cut_to_disc(Line& line, Point centre, double squared_radius) {
    if (!(squared_radius > 0)) return false;
    if (std::isinf(squared_radius)) return true;
    const Point gap = line.origin - centre;
    const double size = dot(line.direction, line.direction), from = dot(gap, line.direction);
    const double distance = cross(gap, line.direction);
    const double discriminant = size * squared_radius - distance * distance;
    if (!(discriminant > 0)) return false;
    const double root = from < 0 ? std::sqrt(discriminant) - from : -std::sqrt(discriminant) - from;
    const double first = root / size, second = (dot(gap, gap) - squared_radius) / root;
    const double enter = std::min(first, second), leave = std::max(first, second);
    if (enter > line.begin) {
        line.begin = enter;
        line.start = line.origin + enter * line.direction;
    }
    if (leave < line.end) {
        line.end = leave;
        line.finish = line.origin + leave * line.direction;
    }
    return line.begin < line.end;
}

// What of an edge is in the discs of those of its sites whose cells are cut.
inline bool cut_to_discs(Line& line, const Discs& discs, const DiagramEdges& edges, std::size_t e) {
    for (const std::int32_t site : {edges.left(e), edges.right(e)}) {
        const auto i = static_cast<std::size_t>(site);
        if (discs.cuts(i) && !cut_to_disc(line, discs.centre(i), discs.squared_radii[i]))
            return false;
    }
    return true;
}

// Calls visitor.region(polygon) and visitor.region(cap) for the parts of a convex polygon, such as
// a cell in one pixel, in the disc that is set, all seen from an origin.
template <class Visitor>
class DiscParts {
public:
    explicit DiscParts(Visitor& visitor, double widest = kWidestHalfAngle)
        : visitor_(visitor), cutter_(widest) {}

    void set(Point origin, const Disc& disc) {
        origin_ = origin;
        disc_ = disc;
    }
    Point origin() const { return origin_; }

    void run(const Polygon& polygon) {
        seen_.clear();
        for (const Point& corner : polygon) seen_.push_back(corner - origin_);
        cutter_.run(seen_, disc_, *this);
    }
    void polygon(const Polygon& part) const { visitor_.region(part); }
    void cap(const Cap& part) const { visitor_.region(part); }

private:
    Visitor& visitor_;
    Point origin_{0, 0};
    Disc disc_{};
    DiscCutter cutter_;
    Polygon seen_;
};

}  // namespace sdot::diagram
