"""Frames to figures, a module a section: each draws just what a frame of `tables`, `gradients` or `searched` holds."""
