"""Integrals of polynomial grids."""
