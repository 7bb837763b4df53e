# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiled kernels: flat arrays in, flat arrays out, no knowledge of sdot's classes."""
