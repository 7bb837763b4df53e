"""Helpers of the test suite: oracles in exact arithmetic, problems, frameworks."""
