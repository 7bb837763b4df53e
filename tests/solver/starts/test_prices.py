"""Prices of sites keep every point at its owner, with room to spare."""

from __future__ import annotations

import numpy as np
import pytest
import scipy

from sdot.solver.starts.prices import central_prices


def _assigned(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What each point gains with its owner over every other site, and its owner."""
    rng = np.random.default_rng(seed)
    products = rng.random((n, 2)) @ rng.normal(size=(2, n))
    points, owner_of = scipy.optimize.linear_sum_assignment(products, maximize=True)
    return products[points, owner_of][:, None] - products, owner_of


@pytest.mark.parametrize("n", [30, 401, 500])
def test_no_point_prefers_another_site(n: int) -> None:
    gains, owner_of = _assigned(n, n)
    prices = central_prices(gains, owner_of)
    assert prices is not None
    room = gains - prices[owner_of][:, None] + prices
    room[np.arange(n), owner_of] = np.inf
    assert room.min() > 0
    # In the middle: no site can move much further one way than the other.
    down = room.min(axis=1)[np.argsort(owner_of)]
    up = room.min(axis=0)
    assert np.median(np.minimum(up, down) / np.maximum(up, down)) > 0.3


@pytest.mark.parametrize("n", [30, 401])
def test_an_assignment_that_could_be_better_has_no_prices(n: int) -> None:
    gains, owner_of = _assigned(n, n)
    assert central_prices(gains - 0.1 * np.abs(gains).max(), owner_of) is None
