"""Factors of graph Laplacians."""
