# SPDX-License-Identifier: GPL-3.0-or-later
"""In which framework, dtype and device to answer, and the adapter that does it.

Adapters are above the functions that call them and are loaded when they are first needed, so they
make themselves known here (see `sdot.adapters`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from sdot.driver import driver
from sdot.frameworks import Framework, common_framework, framework_of

if TYPE_CHECKING:  # it is above
    from sdot.solution_map import SolutionMap
    from sdot.transport_map import LocatesPoints

__all__ = ["Adapter", "PlanArrays", "ResultFormat", "provide_adapter", "result_format"]


class PlanArrays(NamedTuple):
    """What a plan says, as arrays that can be differentiated.

    ``status`` is 0 where the solve converged, 1 where it did not: there all others are NaN.
    """

    status: Any
    distance: Any
    potentials: Any
    barycenters: Any
    cell_masses: Any
    positions: Any = None
    masses: Any = None


class Adapter(Protocol):
    """What a module of `sdot.adapters` does for its framework."""

    def format_of(self, arrays: Sequence[Any]) -> tuple[Any, Any]:
        """Return dtype and device of results for arrays of this framework, of any dtypes.

        Of several arrays the dtype is the promoted one; where none is floating, the driver's.
        """

    def default_format(self, dtype: np.dtype[Any], device: str | None) -> tuple[Any, Any]:
        """Return dtype and device for results of NumPy's dtype, on a device named as usual."""

    def from_numpy(self, array: Any, dtype: Any, device: Any) -> Any:
        """Return a NumPy array or float as one of this framework."""

    def converted(self, array: Any, result: ResultFormat) -> Any:
        """Return an array, of the framework or NumPy, in a format, with its derivatives."""

    def without_derivative(self, array: Any) -> Any:
        """Return an array of the framework as a constant."""

    def located(
        self, source: LocatesPoints, arguments: Sequence[Any], points: Any, result: ResultFormat
    ) -> Sequence[Any]:
        """Return the sites of points and the potential there, as arrays without derivatives."""

    def differentiable_distance(
        self, solution_map: SolutionMap, arguments: Sequence[Any], result: ResultFormat
    ) -> Any:
        """Return the distance as a scalar that can be differentiated in every argument."""

    def differentiable_distances(
        self,
        maps: Sequence[SolutionMap],
        arguments: Sequence[Sequence[Any]],
        result: ResultFormat,
    ) -> Any:
        """Return the distances (B,) of a batch, which can be differentiated in every argument."""

    def differentiable_plan(
        self, solution_map: SolutionMap, arguments: Sequence[Any], result: ResultFormat
    ) -> PlanArrays:
        """Return the outputs of a plan as arrays that can be differentiated."""


_loaders: dict[Framework, Callable[[], Adapter]] = {}


def provide_adapter(framework: Framework, load: Callable[[], Adapter]) -> None:
    """Make an adapter known by a function that imports it."""
    _loaders[framework] = load


@dataclass(frozen=True)
class ResultFormat:
    """Framework, dtype and device of a call's results."""

    framework: Framework
    dtype: Any
    device: Any = None

    @property
    def adapter(self) -> Adapter:
        """The adapter of the framework."""
        return _loaders[self.framework]()

    def convert(self, array: Any) -> Any:
        """Return a NumPy array or float in this format."""
        return self.adapter.from_numpy(array, self.dtype, self.device)


def result_format(*arrays: Any) -> ResultFormat:
    """Return the format of the arguments; where they have none, that of `sdot.driver`.

    Of several arrays of one framework the dtype is the promoted one.
    """
    framework = common_framework(*arrays)
    own = [array for array in arrays if framework is not None and framework_of(array) == framework]
    if framework in ("jax", "torch"):
        return ResultFormat(framework, *_loaders[framework]().format_of(own))
    floating = [array.dtype for array in own if array.dtype.kind == "f"]
    dtype = np.result_type(*floating) if floating else driver.numpy_dtype
    adapter = _loaders[driver.framework]()
    return ResultFormat(driver.framework, *adapter.default_format(dtype, driver.device))
