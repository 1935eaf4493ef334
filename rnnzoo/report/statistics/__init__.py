"""The statistics of a comparison: arrays in, numbers out. They know nothing of studies, and scipy does what it can."""
