# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact semi-discrete optimal transport in the plane, differentiable in JAX and PyTorch."""

import importlib
import logging
from typing import TYPE_CHECKING, Any

from sdot.adapters import provide_adapters
from sdot.distance import distance
from sdot.distance_bounds import DistanceBounds, distance_bounds
from sdot.distributions.box import Box
from sdot.distributions.mesh import Mesh
from sdot.distributions.polygon import Polygon
from sdot.distributions.polynomial_grid import PolynomialGrid
from sdot.distributions.restricted_density import RestrictedDensity
from sdot.distributions.spline_grid import SplineGrid
from sdot.distributions.sum_of_densities import SumOfDensities
from sdot.distributions.sum_of_diracs import SumOfDiracs, SumOfWeightedDiracs
from sdot.distributions.sum_of_gaussians import SumOfGaussians
from sdot.driver import driver
from sdot.errors import ConvergenceError, NotDifferentiableError
from sdot.hessian import hessian_product
from sdot.lloyd import LloydResult, lloyd
from sdot.optimal_transport_plan import optimal_transport_plan
from sdot.plan import OtPlan
from sdot.power_diagram import PowerDiagram
from sdot.quantize import quantize

if TYPE_CHECKING:
    from sdot import plot

provide_adapters()
logging.getLogger("sdot").addHandler(logging.NullHandler())  # silent unless the caller listens

__version__: str

__all__ = [
    "Box",
    "ConvergenceError",
    "DistanceBounds",
    "LloydResult",
    "Mesh",
    "NotDifferentiableError",
    "OtPlan",
    "Polygon",
    "PolynomialGrid",
    "PowerDiagram",
    "RestrictedDensity",
    "SplineGrid",
    "SumOfDensities",
    "SumOfDiracs",
    "SumOfGaussians",
    "SumOfWeightedDiracs",
    "distance",
    "distance_bounds",
    "driver",
    "hessian_product",
    "lloyd",
    "optimal_transport_plan",
    "plot",
    "quantize",
]


def __getattr__(name: str) -> Any:
    # What most programs do not use, and costs time to import.
    if name in ("plot", "torch"):
        return importlib.import_module(f"sdot.{name}")
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("sdot-cgal")
    raise AttributeError(f"module 'sdot' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), "__version__", "plot", "torch"])
