# SPDX-License-Identifier: GPL-3.0-or-later
"""Entropic transport between grids, where hard solves start."""
