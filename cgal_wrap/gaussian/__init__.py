# SPDX-License-Identifier: GPL-3.0-or-later
"""Integrals of Gaussian mixtures."""
