"""Partial transport: only the cheapest part of the density goes to the sites."""
