# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures in the plane: Diracs and densities."""
