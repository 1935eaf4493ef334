"""What stands in the place of a parameter's name where the angle of several, taken as one vector, is measured."""

ALL = "all"
"""All parameters."""

BEFORE = "all but the readout"
"""Everything but the readout, whose gradient is the true one under every rule."""
