# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Newton's method starts, one algorithm per file."""
