"""Values of W2**2 from elsewhere, with their origin.

Positions ``numpy.random.default_rng(n).random((n, 2))``, equal masses, unit square. Computed
by another exact solver, and given with 15 decimals when this project began:

- ``uniform``: the uniform density.
- ``gmm64``: exp(-50 r**2) about (.3, .3) and (.7, .7), on 64 x 64 pixel centres (i + .5) / 64.
- ``gmm512``: the same on 512 x 512 pixel centres, plus 1e-3.

``TUTORIAL_LOSSES``: the first and last value of the tutorial's optimisation with
``numpy.random.seed(0)``, by an independent solver in double precision.
"""

from __future__ import annotations

VALUES: dict[tuple[str, int], float] = {
    ("uniform", 1000): 0.001233991036031,
    ("uniform", 10000): 0.000107846646873,
    ("gmm64", 1000): 0.042339488275533,
    ("gmm64", 10000): 0.045637987438907,
    ("gmm512", 1000): 0.041590759324168,
    ("gmm512", 10000): 0.044817112061052,
}

TUTORIAL_LOSSES = (0.050395, 0.049419)
