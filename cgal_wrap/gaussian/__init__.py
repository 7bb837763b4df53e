"""Integrals of Gaussian mixtures."""
