# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do with a failure that cannot be raised, inside of a compiled function."""

from __future__ import annotations

import logging
import warnings
from typing import Protocol

__all__ = ["report_failure"]


class Source(Protocol):
    """What may fail."""

    def is_first_failure(self) -> bool:
        """Tell, whoever asks after a failure, whether nobody has asked before."""


_logger = logging.getLogger("sdot")


def report_failure(source: Source, failure: Exception) -> None:
    """Log a failure, and warn of the first one of its source, which anyone sees."""
    _logger.error("NaN returned from a traced function: %s", failure)
    if source.is_first_failure():
        _warn(
            f"sdot: the result of a compiled function is NaN, because: {failure}. Errors cannot be "
            "raised there: call it outside of jax.jit to get one, with the plan. Further failures "
            "of this function are only logged, to logging.getLogger('sdot')."
        )


def _warn(message: str) -> None:
    try:
        warnings.warn(message, UserWarning, stacklevel=2)
    except UserWarning:  # made an error by the caller's filters
        _logger.exception("a warning that could not be raised")
