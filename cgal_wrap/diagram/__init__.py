"""Power diagrams as flat arrays, and their cells as polygons."""
