"""Compiled kernels: flat arrays in, flat arrays out, no knowledge of sdot's classes."""
