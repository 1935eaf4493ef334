"""Checks of arguments: every error names the argument, its value, what is allowed and what to do."""

import math
from collections.abc import Collection


def positive_integer(owner: str, name: str, value: object) -> int:
    """Return `value` if it is an integer of at least 1.

    Raises:
        TypeError: `value` is not an integer (a bool does not count as one).
        ValueError: `value` is below 1.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{owner}: {name} must be an integer, got {value!r} ({type(value).__name__}); pass e.g. 64")
    if value < 1:
        raise ValueError(f"{owner}: {name} must be at least 1, got {value}")
    return value


def integer_in(owner: str, name: str, value: object, low: int, high: int) -> int:
    """Return `value` if it is an integer with low ≤ value ≤ high.

    Raises:
        TypeError: `value` is not an integer (a bool does not count as one).
        ValueError: `value` is outside the range.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{owner}: {name} must be an integer, got {value!r} ({type(value).__name__}); pass e.g. {low}")
    if not low <= value <= high:
        raise ValueError(f"{owner}: {name} must lie in [{low}, {high}], got {value}; choose a value in that range")
    return value


def number_in(
    owner: str,
    name: str,
    value: object,
    low: float,
    high: float = math.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """Return `value` as a float if it lies between `low` and `high` (each end included unless open).

    Raises:
        TypeError: `value` is not a real number.
        ValueError: `value` is outside the interval or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{owner}: {name} must be a number, got {value!r} ({type(value).__name__})")
    interval = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if open_high or math.isinf(high) else ']'}"
    above = value > low if open_low else value >= low
    below = value < high if open_high else value <= high
    if not (math.isfinite(value) and above and below):
        raise ValueError(f"{owner}: {name} must lie in {interval}, got {value}; choose a value in that interval")
    return float(value)


def one_of(owner: str, name: str, value: object, allowed: Collection[str]) -> str:
    """Return `value` if it is one of `allowed`.

    Raises:
        ValueError: it is not; the message lists what is allowed.
    """
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{owner}: {name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value
