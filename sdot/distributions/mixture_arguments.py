# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of Gaussian mixtures: checks, and covariances as matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from sdot.limits import check_sizes
from sdot.validation import FloatArray, check_real_array, transpose_hint

__all__ = ["check_mixture_shapes", "covariance_matrices"]

# Off-diagonal entries may differ by so much, relative to the variances: rounding in float32.
_ASYMMETRY = 1e-5


def check_mixture_shapes(means: Any, covs: Any, weights: Any) -> None:
    """Refuse shapes that do not fit; of arrays that have no values yet there is no more to see."""
    shape = np.shape(means)
    if len(shape) != 2 or shape[1] != 2 or shape[0] == 0:
        raise ValueError(
            f"means: expected shape (k, 2) with k >= 1, not {tuple(shape)}"
            f"{transpose_hint(tuple(shape))}"
        )
    count = shape[0]
    if np.shape(covs) not in {(count,), (count, 2), (count, 2, 2)}:
        raise ValueError(
            f"covs: expected shape ({count},), ({count}, 2) or ({count}, 2, 2) for {count} means, "
            f"not {tuple(np.shape(covs))}"
        )
    if weights is not None and np.shape(weights) != (count,):
        raise ValueError(
            f"weights: expected one number per component, shape ({count},), "
            f"not {tuple(np.shape(weights))}"
        )


def covariance_matrices(covs: Any) -> FloatArray:
    """Return full matrices (k, 2, 2) of variances (k,) or (k, 2), or of matrices."""
    given = check_real_array(covs, "covs")
    _check_variances(given)
    _check_definite(given)
    if given.ndim == 1:
        return np.asarray(given[:, None, None] * np.eye(2))
    if given.ndim == 2:
        return np.asarray(given[:, :, None] * np.eye(2))
    return np.asarray(0.5 * (given + given.transpose(0, 2, 1)))


def _check_variances(covs: FloatArray) -> None:
    """Refuse covariances that are too large, or of which a variance is too small."""
    check_sizes(covs, "covs")
    variances = covs if covs.ndim < 3 else np.diagonal(covs, axis1=1, axis2=2)
    check_sizes(np.min(variances, keepdims=True, where=variances > 0, initial=1.0), "covs")


def _check_definite(covs: FloatArray) -> None:
    """Refuse variances that are not positive, and matrices that are not positive definite."""
    if covs.ndim < 3:
        negative = np.argwhere(covs <= 0)
        if len(negative):
            index = tuple(int(i) for i in negative[0])
            raise ValueError(
                f"covs: expected positive variances, not {covs[index]} at index {index}; "
                "these are variances, as exp(log_covs) would be"
            )
        return
    deviations = np.sqrt(np.maximum(covs[:, 0, 0] * covs[:, 1, 1], 0))
    gaps = np.abs(covs[:, 0, 1] - covs[:, 1, 0])
    symmetric = 0.5 * (covs + covs.transpose(0, 2, 1))
    eigenvalues = np.linalg.eigvalsh(symmetric)
    smallest = np.finfo(float).eps * eigenvalues[:, 1]
    wrong = np.flatnonzero((eigenvalues[:, 0] <= smallest) | (gaps > _ASYMMETRY * deviations))
    if len(wrong):
        c = int(wrong[0])
        raise ValueError(
            "covs: expected symmetric positive definite matrices, not "
            f"{covs[c].tolist()} at index {c}, with the eigenvalues {eigenvalues[c].tolist()} of "
            "its symmetric part; use for instance L @ L.T + a small multiple of the identity"
        )
