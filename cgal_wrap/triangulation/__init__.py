"""Regular triangulations of weighted sites, and triangles of polygons."""
