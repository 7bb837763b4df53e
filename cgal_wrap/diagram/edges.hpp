// The edges of a power diagram as straight lines, accurate near a box.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/geometry.hpp"

namespace sdot::diagram {

struct DiagramEdges {
    WeightedSites sites;
    std::size_t count;
    const double* vertices;
    const std::int32_t *edge_sites, *edge_vertices;

    Point vertex(std::int32_t v) const { return {vertices[2 * v], vertices[2 * v + 1]}; }
    std::int32_t left(std::size_t e) const { return edge_sites[2 * e]; }
    std::int32_t right(std::size_t e) const { return edge_sites[2 * e + 1]; }
    Bisector bisector(std::size_t e) const { return sites.bisector(left(e), right(e)); }
};

// An edge as origin + t direction, begin <= t <= end. An end near the box is kept as the
// vertex itself: origin + 1 * (end - origin) may differ from it by an ulp of the origin.
struct Line {
    Point origin, direction;
    double begin, end;
    Point start, finish;

    Point at(double t) const {
        if (t == begin) return start;
        if (t == end) return finish;
        return origin + t * direction;
    }
};

class EdgeLines {
public:
    EdgeLines(const DiagramEdges& diagram, Point low, Point high)
        : diagram_(diagram), centre_(0.5 * (low + high)), reach_(4 * (high - low)) {}

    // Vertices near the box are shared by the three edges that meet there, so that cells
    // close exactly. A far vertex has an error of many ulps of the box's coordinates: only
    // the bisector, which is accurate near the box, gives the direction then.
    Line line(std::size_t e) const {
        const auto start = diagram_.edge_vertices[2 * e], finish = diagram_.edge_vertices[2 * e + 1];
        const bool start_near = is_near(start), finish_near = is_near(finish);
        if (start_near && finish_near) {
            const Point origin = diagram_.vertex(start);
            const Point other = diagram_.vertex(finish);
            return {origin, other - origin, 0.0, 1.0, origin, other};
        }
        const Bisector bisector = diagram_.bisector(e);
        const Point direction = bisector.direction();
        Point origin;
        if (start_near) origin = diagram_.vertex(start);
        else if (finish_near) origin = diagram_.vertex(finish);
        else origin = centre_ - (bisector.side(centre_) / dot(bisector.normal, bisector.normal)) *
                                    bisector.normal;
        const double infinity = std::numeric_limits<double>::infinity();
        Line line{origin, direction, -infinity, infinity, origin, origin};
        if (start >= 0) {
            line.start = diagram_.vertex(start);
            line.begin = dot(line.start - origin, direction);
        }
        if (finish >= 0) {
            line.finish = diagram_.vertex(finish);
            line.end = dot(line.finish - origin, direction);
        }
        return line;
    }

private:
    bool is_near(std::int32_t v) const {
        if (v < 0) return false;
        const Point x = diagram_.vertex(v) - centre_;
        return std::abs(x.x) <= reach_.x && std::abs(x.y) <= reach_.y;
    }

    const DiagramEdges& diagram_;
    Point centre_, reach_;
};

}  // namespace sdot::diagram
