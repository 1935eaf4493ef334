"""Measurements of cells and models: gradients over time, and the cost of a step."""
