"""Architectures that nobody drew: recurrent networks wired by hierarchical random graphs, drawn, saved and reloaded."""
