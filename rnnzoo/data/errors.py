"""What goes wrong with data files."""


class DataError(ValueError):
    """A data file is missing, damaged or not what its name says; the message names it and says what to do."""
