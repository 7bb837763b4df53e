// Cuts convex polygons by discs.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "base/caps.hpp"
#include "base/geometry.hpp"

namespace sdot {

struct Disc {
    Point centre;
    double squared_radius;  // positive
};

// The part of a convex polygon in a disc is convex too: a polygon with corners on the circle, and
// caps beyond some of its sides.
class DiscCutter {
public:
    // Arcs of more than the widest half-angle are split.
    explicit DiscCutter(double widest = kWidestHalfAngle) : widest_(widest) {}

    // Calls visit.polygon(polygon) if anything is left of it, and visit.cap(cap). Corners and centre
    // are seen from the same origin: best the site, or a point of the polygon if that is far away.
    template <class Visit>
    void run(const Polygon& corners, const Disc& disc, const Visit& visit) {
        disc_ = disc;
        radius_ = std::sqrt(disc.squared_radius);
        if (look_at(corners)) {
            visit.polygon(corners);
            return;
        }
        walk_around();
        part_.clear();
        if (is_whole_disc()) {
            add_caps({radius_, 0}, kWholeCircle, visit);
        } else {
            is_centre_inside_ = contains_centre(0);
            for (std::size_t k = 0; k < boundary_.size(); ++k) {
                const Point here = boundary_[k].point;
                part_.push_back(here);
                if (boundary_[k].begins_arc)
                    add_arc(here, boundary_[(k + 1) % boundary_.size()].point, visit);
            }
        }
        if (part_.size() > 2) visit.polygon(part_);
    }

    // Calls visit.side(from, to) and visit.cap(cap) along the boundary of what is in the disc,
    // counter-clockwise; of a cap it is the arc that is part of the boundary.
    template <class Visit>
    void run_boundary(const Polygon& corners, const Disc& disc, const Visit& visit) {
        disc_ = disc;
        radius_ = std::sqrt(disc.squared_radius);
        look_at(corners);
        walk_around();
        part_.clear();
        if (is_whole_disc()) {
            add_caps({radius_, 0}, kWholeCircle, visit);
            return;
        }
        is_centre_inside_ = contains_centre(0);
        for (std::size_t k = 0; k < boundary_.size(); ++k) {
            const Point here = boundary_[k].point;
            const Point next = boundary_[k + 1 < boundary_.size() ? k + 1 : 0].point;
            if (boundary_[k].begins_arc) add_arc(here, next, visit);
            else visit.side(here, next);
        }
    }

private:
    struct Corner {
        Point point, gap;  // gap: from the centre
        double outside;    // its square minus that of the radius

        bool is_inside() const { return outside <= 0; }
    };
    struct BoundaryPoint {
        Point point;
        bool begins_arc;
    };

    // Whether all corners are in the disc.
    bool look_at(const Polygon& corners) {
        corners_.clear();
        bool all_inside = true;
        for (const Point& point : corners) {
            const Point gap = point - disc_.centre;
            corners_.push_back({point, gap, dot(gap, gap) - disc_.squared_radius});
            all_inside = all_inside && corners_.back().is_inside();
        }
        return all_inside;
    }

    // The corners inside the disc and the points where sides cross the circle, in their order.
    void walk_around() {
        boundary_.clear();
        for (std::size_t k = 0; k < corners_.size(); ++k) {
            const Corner& a = corners_[k];
            const Corner& b = corners_[k + 1 < corners_.size() ? k + 1 : 0];
            if (a.is_inside()) boundary_.push_back({a.point, false});
            if (a.is_inside() && b.is_inside()) continue;
            const Point side = b.gap - a.gap;
            const double size = dot(side, side), distance = cross(a.gap, side);
            // Of |a + t side|^2 = r^2, a quarter: without the cancellation of b^2 - a c.
            const double discriminant = size * disc_.squared_radius - distance * distance;
            const double root = std::sqrt(std::max(0.0, discriminant));
            const double from = dot(a.gap, side), to = dot(b.gap, side);
            if (!a.is_inside() && !b.is_inside() && !(discriminant > 0 && from < 0 && to > 0))
                continue;
            if (!a.is_inside())  // from < 0 but for rounding
                boundary_.push_back({crossing(a, b, a.outside / (root - from)), false});
            if (!b.is_inside())
                boundary_.push_back({crossing(b, a, b.outside / (root + to)), true});
        }
    }

    static Point crossing(const Corner& outer, const Corner& other, double t) {
        if (!(t > 0)) t = 0;
        return outer.point + std::min(t, 1.0) * (other.point - outer.point);
    }

    // Whether the centre is to the left of all sides, at a distance of at least so much of the
    // radius.
    bool contains_centre(double margin) const {
        double area = 0;
        for (std::size_t k = 0; k < corners_.size(); ++k) {
            const Point a = corners_[k].gap;
            const Point side = corners_[k + 1 < corners_.size() ? k + 1 : 0].gap - a;
            const double twice = cross(a, side);
            if (!(twice >= 0)) return false;
            const double reach = margin * radius_;
            if (twice * twice < reach * reach * dot(side, side)) return false;
            area += twice;
        }
        return area > 0;
    }

    // Nothing of the boundary is in the disc, or as little as a side that touches it. An arc of
    // almost a whole turn cannot be told from one of almost none by its ends.
    bool is_whole_disc() const {
        for (const BoundaryPoint& here : boundary_) {
            const Point gap = here.point - boundary_[0].point;
            if (dot(gap, gap) > 1e-14 * disc_.squared_radius) return false;
        }
        return contains_centre(0.5);
    }

    // Counter-clockwise.
    template <class Visit>
    void add_arc(Point from, Point to, const Visit& visit) {
        const Point chord = to - from;
        const double length = std::sqrt(dot(chord, chord));
        if (!(length > 0)) return;
        const Point start = from - disc_.centre;
        double distance = cross(start, chord) / length;  // of the chord from the centre
        if (!is_centre_inside_) distance = std::abs(distance);
        if (length < 1e-10 * radius_) distance = radius_;  // the chord's direction may be none
        const double half_angle = std::atan2(0.5 * length, distance);
        if (half_angle > widest_) {
            add_caps(start, half_angle, visit);
            return;
        }
        visit.cap(Cap{0.5 * (from + to), {chord.y / length, -chord.x / length}, radius_,
                      half_angle});
    }

    // Splits a wide arc; its inner points become corners of the polygon.
    template <class Visit>
    void add_caps(Point start, double half_angle, const Visit& visit) {
        const int count = static_cast<int>(std::ceil(half_angle / widest_));
        const double part = half_angle / count;
        if (count == 1) {  // a whole disc of which only the area is asked for
            visit.cap(Cap{disc_.centre, {1, 0}, radius_, part});
            return;
        }
        const double sine = small_sine(part), cosine = small_cosine(part);
        Point here = start;
        for (int k = 0; k < count; ++k) {
            if (k > 0 || half_angle == kWholeCircle) part_.push_back(disc_.centre + here);
            const Point middle{cosine * here.x - sine * here.y, sine * here.x + cosine * here.y};
            const Point axis = (1 / radius_) * middle;
            visit.cap(Cap{disc_.centre + (radius_ * cosine) * axis, axis, radius_, part});
            here = {cosine * middle.x - sine * middle.y, sine * middle.x + cosine * middle.y};
        }
    }

    double widest_;
    Disc disc_{};
    double radius_ = 0;
    bool is_centre_inside_ = false;
    std::vector<Corner> corners_;
    std::vector<BoundaryPoint> boundary_;
    Polygon part_;
};

}  // namespace sdot
