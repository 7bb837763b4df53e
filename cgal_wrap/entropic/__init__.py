"""Entropic transport between grids, where hard solves start."""
