# SPDX-License-Identifier: GPL-3.0-or-later
"""The linear systems of Newton's method."""
