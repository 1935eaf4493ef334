"""How a report writes numbers: three significant digits, accuracies in %, no digit that means nothing."""

# ruff: noqa: RUF001 - numbers are written with real minus and multiplication signs

import math
from collections.abc import Sequence

from rnnzoo.report.content import TaskContent

MISSING = "–"
GLUE = "\u00a0"
"""A space at which no line breaks, inside numbers."""

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, digits: int = 3) -> str:
    """Write a number with `digits` significant ones: 0.00852, 1,230, 4.5 × 10⁻⁹; "–" for NaN."""
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if power < -4 or power >= 6:
        return f"{mantissa}{GLUE}×{GLUE}10{str(power).translate(SUPERSCRIPTS)}".replace("-", "−")
    return f"{float(f'{value:.{digits - 1}e}'):,.{max(0, digits - 1 - power)}f}".replace("-", "−")


def percent(value: float) -> str:
    """Write a share in %, with one decimal and a second where the first would hide a difference from 100%."""
    if not math.isfinite(value):
        return number(value)
    decimals = 2 if 0.995 <= value < 1 else 1
    return f"{100 * value:.{decimals}f}%".replace("-", "−")


def score(value: float, task: TaskContent) -> str:
    """Write a score in the task's metric."""
    return percent(value) if task.percent else number(value)


def difference(value: float, task: TaskContent) -> str:
    """Write a difference of scores: percentage points for accuracies."""
    if not task.percent or not math.isfinite(value):
        return number(value)
    return f"{100 * value:.{2 if abs(value) < 0.001 else 1}f} points".replace("-", "−")


def interval(low: float, high: float, task: TaskContent, *, points: bool = False, factor: bool = False) -> str:
    """Write an interval of scores, of differences of scores where `points`, or of ratios where `factor`."""
    if math.isnan(low) or math.isnan(high):
        return MISSING
    if factor:
        return f"{number(low)} to {number(high)} times"
    if points and task.percent:
        return f"{100 * low:.1f} to {100 * high:.1f} points".replace("-", "−")
    write = number if points else lambda value: score(value, task)
    return f"{write(low)} to {write(high)}"


def probability(value: float) -> str:
    """Write a p-value as "p = 0.012" or "p < 0.001"; "no test" for NaN."""
    if math.isnan(value):
        return "no test"
    return f"p{GLUE}<{GLUE}0.001" if value < 0.001 else f"p{GLUE}={GLUE}{value:.2g}"


def count(value: float) -> str:
    """Write a whole number with thousands separators; "–" for NaN."""
    return MISSING if math.isnan(value) else f"{round(value):,}".replace("-", "−")


def duration(seconds: float) -> str:
    """Write a time span in the unit that suits it: 8.2 ms, 42 s, 12 min 5 s, 3 h 20 min."""
    if not math.isfinite(seconds):
        return MISSING
    if seconds < 1e-3:
        return f"{number(seconds * 1e6)} µs"
    if seconds < 1:
        return f"{number(seconds * 1e3)} ms"
    if seconds < 60:
        return f"{number(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def setting(value: object) -> str:
    """Write a setting of a cell or of training, number or not; "–" where the cell has no such setting."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return number(float(value))


def number_or_nan(value: object) -> float:
    """Return a number as a float, and NaN for anything else."""
    return float(value) if isinstance(value, int | float) else math.nan


def plural(n: int, noun: str, nouns: str | None = None) -> str:
    """Write a count with its noun: "1 seed", "3 seeds"."""
    return f"{n:,} {noun if n == 1 else nouns or noun + 's'}"


def listing(words: Sequence[str]) -> str:
    """Join words as in a sentence: "a", "a and b", "a, b and c"."""
    return " and ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} and {words[-1]}"
