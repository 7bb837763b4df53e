"""The problems that are measured, and the targets that the project has set itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sdot import Box, Mesh, PolynomialGrid, SumOfGaussians
from sdot.distributions.density import Density

Array = npt.NDArray[np.float64]

# Of a case that is measured with this many sites only.
ONLY_SIZE = {"kmt": 900}

# Cold solve to a relative mass error of 1e-6, in triangulations of the same sites.
RATIO_TARGETS = {
    ("uniform", 10_000): 16,
    ("uniform", 100_000): 14,
    ("uniform", 1_000_000): 20,
    ("gmm64", 10_000): 40,
    ("gmm64", 100_000): 30,
    ("gmm64", 1_000_000): 40,
    ("gmm512", 10_000): 40,
    ("gmm512", 100_000): 30,
    ("gmm512", 1_000_000): 40,
    ("photo", 10_000): 70,
    ("photo", 100_000): 50,
    ("photo", 1_000_000): 60,
    ("gaussians", 10_000): 80,
    ("gaussians", 100_000): 80,
}
LOOP_TARGET = 1.0  # seconds for the tutorial's 200 steps
SMALL_TARGET = 1e-3  # seconds for ten sites
FIT_TARGET = 20e-3  # seconds for a step of fitting a mixture
IMPORT_TARGET = 0.15  # seconds for `import sdot`, when NumPy has been imported
STIPPLING_TARGET = 4.0  # seconds for 65,536 dots
MEMORY_TARGET = 1500.0  # bytes per site, at 1e6 sites
GROWTH_TARGET = 2.0  # time per site at 1e6 over that at 1e4


# Three components, none of them isotropic.
MEANS = ((0.3, 0.3), (0.7, 0.7), (0.6, 0.3))
COVARIANCES = (
    ((0.01, 0.004), (0.004, 0.01)),
    ((0.01, 0.0), (0.0, 0.02)),
    ((0.004, -0.003), (-0.003, 0.008)),
)


# The example of Kitagawa, Merigot and Thibert: linear from the outer square to the inner one, on
# which it is zero.
OUTER = ((0, 0), (3, 0), (3, 3), (0, 3))
INNER = ((1, 1), (2, 1), (2, 2), (1, 2))
BETWEEN = ((0, 1, 5), (0, 5, 4), (1, 2, 6), (1, 6, 5), (2, 3, 7), (2, 7, 6), (3, 0, 4), (3, 4, 7))


def sizes(case: str, wanted: list[int]) -> list[int]:
    """The numbers of sites that a case is measured with."""
    return [ONLY_SIZE[case]] if case in ONLY_SIZE else wanted


def sites(count: int, case: str = "uniform") -> Array:
    """Sites in the unit square, uniform and random but for `kmt`."""
    if case == "kmt":
        side = round(count**0.5)
        centres = (np.arange(side) + 0.5) / side
        return np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.random.default_rng(count).random((count, 2))


def density(case: str) -> Density:
    """A new density, on the unit square or around it but for `corner` and `kmt`."""
    return _DENSITIES[case]()


def two_peaks(pixels: int) -> Array:
    """The tutorial's mixture, at pixel centres."""
    centres = (np.arange(pixels) + 0.5) / pixels
    x, y = np.meshgrid(centres, centres, indexing="ij")
    first = np.exp(-50 * ((x - 0.3) ** 2 + (y - 0.3) ** 2))
    return np.asarray(first + np.exp(-50 * ((x - 0.7) ** 2 + (y - 0.7) ** 2)))


def photograph() -> npt.NDArray[np.uint8]:
    """A portrait in colours."""
    from matplotlib import cbook, image  # noqa: PLC0415  (only this case needs it)

    with cbook.get_sample_data("grace_hopper.jpg") as file:
        return np.asarray(image.imread(file, format="jpg"))


_DENSITIES: dict[str, Callable[[], Density]] = {
    "uniform": lambda: PolynomialGrid([[1.0]]),
    "corner": lambda: Box(((0, 0), (3, 3))),
    "gmm64": lambda: PolynomialGrid(two_peaks(64)),
    "gmm512": lambda: PolynomialGrid(two_peaks(512) + 1e-3),
    "photo": lambda: PolynomialGrid.from_image(photograph(), invert=True, domain=((0, 0), (1, 1))),
    "gaussians": lambda: SumOfGaussians(MEANS, COVARIANCES, [0.3, 0.5, 0.2]),
    "kmt": lambda: Mesh([*OUTER, *INNER], BETWEEN, [1.0] * 4 + [0.0] * 4, per="vertex"),
}
CASES = tuple(_DENSITIES)
