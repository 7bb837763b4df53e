# SPDX-License-Identifier: GPL-3.0-or-later
"""Integrals of densities that are affine on convex pieces."""
