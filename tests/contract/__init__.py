"""Contracts, generated from the lists of cells and engines."""
