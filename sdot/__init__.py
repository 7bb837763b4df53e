"""Exact semi-discrete optimal transport in the plane, differentiable in JAX and PyTorch."""

import logging

from sdot.distance import distance
from sdot.distributions.box import Box
from sdot.distributions.mesh import Mesh
from sdot.distributions.polygon import Polygon
from sdot.distributions.polynomial_grid import PolynomialGrid
from sdot.distributions.spline_grid import SplineGrid
from sdot.distributions.sum_of_densities import SumOfDensities
from sdot.distributions.sum_of_diracs import SumOfDiracs, SumOfWeightedDiracs
from sdot.distributions.sum_of_gaussians import SumOfGaussians
from sdot.driver import driver
from sdot.errors import ConvergenceError
from sdot.plan import OtPlan, optimal_transport_plan
from sdot.power_diagram import PowerDiagram

logging.getLogger("sdot").addHandler(logging.NullHandler())  # silent unless the caller listens

__version__ = "0.1.0"

__all__ = [
    "Box",
    "ConvergenceError",
    "Mesh",
    "OtPlan",
    "Polygon",
    "PolynomialGrid",
    "PowerDiagram",
    "SplineGrid",
    "SumOfDensities",
    "SumOfDiracs",
    "SumOfGaussians",
    "SumOfWeightedDiracs",
    "distance",
    "driver",
    "optimal_transport_plan",
]
