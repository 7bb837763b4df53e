"""Integrals over power cells cut by discs."""

from __future__ import annotations

import numpy as np
import pytest
from support.discs import SlowDiscKernel

from sdot.diagrams import DiagramArrays

UNIT = np.array([0.0, 1.0])


def uniform() -> SlowDiscKernel:
    return SlowDiscKernel(UNIT, UNIT, np.ones((1, 1, 1, 1)), True)


class TestOracle:
    """The slow integrals that the quick ones are compared with, where the truth is known."""

    def test_disc_at_a_corner_of_the_box(self) -> None:
        diagram = DiagramArrays.build(np.zeros((1, 2)), np.zeros(1))
        result = uniform().disc_masses(diagram, np.array([0.25]))
        assert result.masses == pytest.approx(np.pi / 16, rel=1e-14)
        assert result.arc_weights == pytest.approx(np.pi / 4, rel=1e-14)

    def test_moments_of_a_whole_disc(self) -> None:
        diagram = DiagramArrays.build(np.array([[0.5, 0.5]]), np.zeros(1))
        moments = uniform().disc_moments(diagram, np.array([0.04]))
        fourth = np.pi / 4 * 0.2**4
        assert moments.centroids == pytest.approx(np.array([[0.5, 0.5]]), rel=1e-14)
        assert moments.second_moments == pytest.approx(np.array([[fourth, 0, fourth]]), abs=1e-15)

    def test_lens_of_two_equal_discs(self) -> None:
        sites, r = np.array([[0.4, 0.5], [0.6, 0.5]]), 0.2
        diagram = DiagramArrays.build(sites, np.zeros(2))
        result = uniform().disc_masses(diagram, np.full(2, r**2))
        half_chord = np.sqrt(r**2 - 0.1**2)
        angle = np.arcsin(half_chord / r)
        left = np.pi * r**2 - (angle * r**2 - half_chord * 0.1)
        assert result.masses == pytest.approx(left, rel=1e-14)
        assert result.edge_weights == pytest.approx(2 * half_chord / 0.4, rel=1e-14)
        assert result.arc_weights == pytest.approx(np.pi - angle, rel=1e-14)
