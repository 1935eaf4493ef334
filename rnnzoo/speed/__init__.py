"""A speed study: a file that says what to time, one process that times it, and the frames that judge it."""
