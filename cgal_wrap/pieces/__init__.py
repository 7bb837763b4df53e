"""Integrals of densities that are affine on convex pieces."""
