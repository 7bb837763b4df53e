# SPDX-License-Identifier: GPL-3.0-or-later
"""Partial transport: only the cheapest part of the density goes to the sites."""
