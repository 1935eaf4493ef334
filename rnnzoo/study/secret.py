"""The environment variable that may hold a password, and how it is kept from other processes."""

import os

VARIABLE = "RNNZOO_STORAGE"
"""Holds the URL of the database of a study's trials: unlike an argument, other users of the machine cannot see it."""


def without_variable() -> None:
    """Take the URL out of the environment, so that no worker or job script inherits a password."""
    os.environ.pop(VARIABLE, None)
