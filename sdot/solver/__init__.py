# SPDX-License-Identifier: GPL-3.0-or-later
"""The semi-discrete transport solver: NumPy only, no framework."""
