# SPDX-License-Identifier: GPL-3.0-or-later
"""Power diagrams as flat arrays, and their cells as polygons."""
