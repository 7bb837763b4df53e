# SPDX-License-Identifier: GPL-3.0-or-later
"""What every room shares: points, boxes, moments, threads, Ctrl-C."""
