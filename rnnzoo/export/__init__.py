"""What leaves a study: its rows, its learning curves, and the winning model as weights and as a graph."""
