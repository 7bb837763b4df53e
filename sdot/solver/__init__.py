"""The semi-discrete transport solver: NumPy only, no framework."""
