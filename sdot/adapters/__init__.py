"""Thin wiring between the NumPy core and the frameworks; imported only when needed."""
