// Gauss-Legendre rules on [0, 1], which gauss_rules.py computes.
#pragma once

namespace sdot {

struct GaussRule {
    int count;
    const double *nodes, *weights;
};

// The rules with 1, 2, 3, ... nodes, one after the other.
struct GaussRules {
    const double *nodes, *weights;

    GaussRule with(int count) const {
        const int begin = count * (count - 1) / 2;
        return {count, nodes + begin, weights + begin};
    }
};

}  // namespace sdot
