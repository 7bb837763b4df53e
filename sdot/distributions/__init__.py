"""Measures in the plane: Diracs and densities."""
