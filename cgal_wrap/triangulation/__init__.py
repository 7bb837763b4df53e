# SPDX-License-Identifier: GPL-3.0-or-later
"""Regular triangulations of weighted sites, and triangles of polygons."""
