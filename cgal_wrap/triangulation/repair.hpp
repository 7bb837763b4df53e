// Makes a triangulation regular again after its weights have changed, by edge flips.
//
// Between two trial steps of Newton's method few edges change, so this is several times cheaper
// than a new triangulation. With weights, flips can get stuck (Edelsbrunner and Shah, 1996), and a
// site that has to be hidden cannot be flipped away; then a new triangulation is needed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/interruption.hpp"
#include "base/parallel.hpp"
#include "triangulation/regular_triangulation.hpp"

namespace sdot::triangulation {

class TriangulationRepair {
public:
    TriangulationRepair(TriangulationFaces& faces, const WeightedSites& sites)
        : faces_(faces), predicates_(sites) {}

    // Whether all edges are regular now. If not, or if interrupted, the triangulation is still one,
    // of all sites.
    bool run(int threads) {
        std::vector<Edge> queue = irregular_edges(threads);
        const std::size_t limit = 4 * faces_.size() + 64;
        std::vector<Edge> stuck;
        InterruptionCheck interrupted;
        for (std::size_t flips = 0, looks = 0; !queue.empty(); ++looks) {
            if (looks % kEdgesPerLook == kEdgesPerLook - 1) interrupted.or_throw();
            const Edge edge = queue.back();
            queue.pop_back();
            if (!is_irregular(edge)) continue;
            if (!is_flippable(edge)) {
                stuck.push_back(edge);
                continue;
            }
            if (++flips > limit) return false;
            flip(edge, queue);
        }
        // A later flip may have cured what was stuck, or renamed it: then it was looked at again.
        return std::none_of(stuck.begin(), stuck.end(),
                            [&](Edge edge) { return is_irregular(edge); });
    }

private:
    static constexpr std::size_t kEdgesPerLook = 1024;  // for a pending signal

    struct Edge {
        std::int32_t face;
        int opposite;
    };

    std::int32_t corner(Edge e) const { return faces_.corners[3 * e.face + e.opposite]; }
    std::int32_t neighbor(Edge e) const { return faces_.neighbors[3 * e.face + e.opposite]; }
    Edge mirror(Edge e) const {
        const std::int32_t other = neighbor(e);
        return {other, faces_.place_of_neighbor(other, e.face)};
    }

    bool is_irregular(Edge e) const {
        const std::int32_t other = neighbor(e);
        if (!faces_.is_finite(e.face) || !faces_.is_finite(other)) return false;
        const std::int32_t* c = &faces_.corners[3 * e.face];
        return predicates_.conflicts(c[0], c[1], c[2], corner(mirror(e)));
    }

    // The two faces must form a strictly convex quadrilateral.
    bool is_flippable(Edge e) const {
        const std::int32_t a = corner(e), b = corner({e.face, next_corner(e.opposite)}),
                           c = corner({e.face, previous_corner(e.opposite)}),
                           d = corner(mirror(e));
        return predicates_.counterclockwise(a, b, d) && predicates_.counterclockwise(a, d, c);
    }

    std::vector<Edge> irregular_edges(int threads) const {
        const std::size_t blocks = std::max<std::size_t>(1, faces_.size() / kSmallestParallelRange);
        std::vector<std::vector<Edge>> found(blocks);
        parallel_for(blocks, threads, [&](std::size_t begin, std::size_t end) {
            for (std::size_t block = begin; block < end; ++block)
                find_irregular(faces_.size() * block / blocks, faces_.size() * (block + 1) / blocks,
                               found[block]);
        }, 1);
        std::vector<Edge> all;
        for (const auto& part : found) all.insert(all.end(), part.begin(), part.end());
        return all;
    }

    void find_irregular(std::size_t begin, std::size_t end, std::vector<Edge>& found) const {
        for (auto face = static_cast<std::int32_t>(begin); face < static_cast<std::int32_t>(end); ++face)
            for (int i = 0; i < 3; ++i)
                if (faces_.neighbors[3 * face + i] > face && is_irregular({face, i}))
                    found.push_back({face, i});
    }

    // Faces (a, b, c) and (d, c, b) become (a, b, d) and (a, d, c).
    void flip(Edge e, std::vector<Edge>& queue) {
        const Edge m = mirror(e);
        const std::int32_t f = e.face, g = m.face;
        const int fb = next_corner(e.opposite), fc = previous_corner(e.opposite);
        const int gc = next_corner(m.opposite), gb = previous_corner(m.opposite);
        const std::int32_t a = corner(e), b = corner({f, fb}), c = corner({f, fc}), d = corner(m);
        const std::int32_t across_b = neighbor({f, fb}), across_c = neighbor({f, fc});
        const std::int32_t beyond_c = neighbor({g, gc}), beyond_b = neighbor({g, gb});
        // across_b touches edge (c, a), across_c (a, b), beyond_c (b, d), beyond_b (d, c).
        set_face(f, a, b, d, beyond_c, g, across_c);
        set_face(g, a, d, c, beyond_b, across_b, f);
        replace_neighbor(beyond_c, g, f);
        replace_neighbor(across_b, f, g);
        queue.push_back({f, 0});
        queue.push_back({f, 2});
        queue.push_back({g, 0});
        queue.push_back({g, 1});
    }

    void set_face(std::int32_t face, std::int32_t a, std::int32_t b, std::int32_t c,
                  std::int32_t na, std::int32_t nb, std::int32_t nc) {
        std::int32_t* corners = &faces_.corners[3 * face];
        std::int32_t* neighbors = &faces_.neighbors[3 * face];
        corners[0] = a, corners[1] = b, corners[2] = c;
        neighbors[0] = na, neighbors[1] = nb, neighbors[2] = nc;
    }

    void replace_neighbor(std::int32_t face, std::int32_t before, std::int32_t after) {
        faces_.neighbors[3 * face + faces_.place_of_neighbor(face, before)] = after;
    }

    TriangulationFaces& faces_;
    SitePredicates predicates_;
};

inline bool repair(TriangulationFaces& faces, const WeightedSites& sites, int threads) {
    return TriangulationRepair(faces, sites).run(threads);
}

}  // namespace sdot::triangulation
