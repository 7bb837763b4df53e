"""The linear systems of Newton's method."""
