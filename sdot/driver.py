# SPDX-License-Identifier: GPL-3.0-or-later
"""Defaults for arguments that do not belong to a framework: ``sdot.driver``."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np

from sdot.execution import Execution
from sdot.frameworks import Framework, check_device
from sdot.notebook import card

__all__ = ["Driver", "driver"]

Choice = TypeVar("Choice", bound=str)

_FRAMEWORKS: tuple[Framework, ...] = ("numpy", "jax", "torch")
_DTYPES = ("FP32", "FP64")
_DTYPE_OF = {"float32": "FP32", "float64": "FP64"}  # other spellings
_SETTINGS = ("framework", "dtype", "device", "threads")
# More than the processors of one machine, and few enough that their stacks of 8 MiB each find room.
_MOST_THREADS = 1024


class Driver:
    """Defaults that apply where the arguments do not decide.

    Arrays of a framework keep their framework, dtype and device whatever is set here. Lists,
    scalars and NumPy arrays are answered in ``framework``; lists and integers in ``dtype``.

    Attributes
    ----------
    framework : {"numpy", "jax", "torch"}
        From ``SDOT_FRAMEWORK``, "numpy" by default.
    dtype : {"FP32", "FP64"}
        Precision of results, from ``SDOT_DTYPE``, "FP64" by default; "float32" and "float64" are
        accepted for them. All computations are in
        double precision. JAX rounds to single precision unless its x64 mode is on.
    device : str or None
        Device of results in the framework's own spelling ("cpu", "cuda:0"), from
        ``SDOT_DEVICE``; None, the default, is the framework's default device.
    threads : int
        Threads that a solve may use, from ``SDOT_THREADS``, by default the number of
        processors this process may run on; at most 1024. Results do not depend on it.

    Examples
    --------
    >>> import sdot
    >>> before = sdot.driver.threads
    >>> sdot.driver.threads = 1  # in each of as many processes as there are cores
    >>> sdot.distance(sdot.SumOfDiracs([[0.5, 0.5]]), sdot.Box(((0, 0), (1, 1)))).round(6)
    np.float64(0.166667)
    >>> sdot.driver.threads = before
    """

    __slots__ = ("_device", "_dtype", "_framework", "_threads")

    def __init__(self) -> None:
        framework, dtype = _environment("SDOT_FRAMEWORK"), _environment("SDOT_DTYPE")
        self._framework: Framework = _one_of("SDOT_FRAMEWORK", framework or "numpy", _FRAMEWORKS)
        self._dtype = _dtype_name("SDOT_DTYPE", dtype or "FP64")
        self._device = _device_name("SDOT_DEVICE", _environment("SDOT_DEVICE"))
        self._threads = _threads_from_environment("SDOT_THREADS")

    def __repr__(self) -> str:
        return f"Driver({', '.join(f'{name}={getattr(self, name)!r}' for name in _SETTINGS)})"

    def _repr_html_(self) -> str:
        """Return what notebooks show."""
        return card("sdot.driver", {name: str(getattr(self, name)) for name in _SETTINGS})

    def __setattr__(self, name: str, value: Any) -> None:
        if not hasattr(type(self), name):
            close = difflib.get_close_matches(name, _SETTINGS, n=1)
            hint = f"; did you mean driver.{close[0]}?" if close else ""
            raise AttributeError(
                f"driver.{name}: expected one of the settings {', '.join(_SETTINGS)}{hint}"
            )
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _SETTINGS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._device = None  # until the framework is known, which it has to be one of
        for name in _SETTINGS:
            setattr(self, name, state[name])

    @property
    def framework(self) -> Framework:
        """Framework of results for arguments that have none."""
        return self._framework

    @framework.setter
    def framework(self, value: str) -> None:
        framework = _one_of("driver.framework", value, _FRAMEWORKS)
        check_device(framework, self._device)
        self._framework = framework

    @property
    def dtype(self) -> str:
        """Precision of results for arguments that have none."""
        return self._dtype

    @dtype.setter
    def dtype(self, value: str) -> None:
        self._dtype = _dtype_name("driver.dtype", value)

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The same as NumPy's dtype."""
        return np.dtype(np.float32 if self._dtype == "FP32" else np.float64)

    @property
    def device(self) -> str | None:
        """Device of results for arguments that have none."""
        return self._device

    @device.setter
    def device(self, value: str | None) -> None:
        device = _device_name("driver.device", value)
        check_device(self._framework, device)
        self._device = device

    @property
    def threads(self) -> int:
        """Threads that native code may use."""
        return self._threads

    @threads.setter
    def threads(self, value: int) -> None:
        self._threads = _thread_count("driver.threads", value)

    @property
    def execution(self) -> Execution:
        """What a call that begins now hands down to all that it calls."""
        return Execution(threads=self._threads)


def _environment(name: str) -> str | None:
    """Return an environment variable; None if it is not set or empty."""
    return os.environ.get(name) or None


def _threads_from_environment(name: str) -> int:
    value = _environment(name)
    if value is None:
        return _processors()
    if not value.isdecimal():
        raise ValueError(f"{name}: expected a whole number of at least 1, not {value!r}")
    return _thread_count(name, int(value))


def _one_of(name: str, value: str, choices: Iterable[Choice]) -> Choice:
    for choice in choices:
        if value == choice:
            return choice
    raise ValueError(f"{name}: expected one of {', '.join(map(repr, choices))}, not {value!r}")


def _dtype_name(name: str, value: str) -> str:
    return _one_of(name, _DTYPE_OF.get(value, value) if isinstance(value, str) else value, _DTYPES)


def _device_name(name: str, value: str | None) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name}: expected a device name such as 'cpu', or None, not {value!r}")
    if value is not None and not re.fullmatch(r"(cpu|cuda|gpu|tpu|mps)(:\d+)?", value):
        raise ValueError(
            f"{name}: expected 'cpu', 'cuda', 'gpu', 'tpu' or 'mps', with a number after a colon "
            f"if there are several, not {value!r}"
        )
    return value


def _thread_count(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: expected a whole number, not {value!r}")
    if value < 1:
        raise ValueError(f"{name}: expected at least 1 thread, not {value}")
    if value > _MOST_THREADS:
        raise ValueError(f"{name}: expected at most {_MOST_THREADS} threads, not {value}")
    return value


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), _MOST_THREADS)
    return min(os.cpu_count() or 1, _MOST_THREADS)


driver = Driver()
