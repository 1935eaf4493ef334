"""The `[[learning]]` entries of a study file: the rules that every cell of the study learns by, each under a name."""

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from rnnzoo.learning.options import (
    BackpropagationOptions,
    FeedbackOptions,
    LearningOptions,
    ReadoutOptions,
    TruncatedOptions,
)
from rnnzoo.strict import Strict
from rnnzoo.study.mistakes import Mistakes
from rnnzoo.study.schema import Name, TrainingTable

RULES: dict[str, type[Strict]] = {
    "bptt": BackpropagationOptions,
    "tbptt": TruncatedOptions,
    "readout": ReadoutOptions,
    "dfa": FeedbackOptions,
}
"""Rule → its options: the keys that an entry has beside `name` and `training`."""


class _Named(Strict):
    name: Name
    training: TrainingTable = Field(default_factory=dict)


@dataclass(frozen=True)
class LearningEntry:
    """A learning rule of a study.

    Attributes:
        name: of the rule in the report.
        options: see `rnnzoo.learning.options`.
        training: fields of `TrainingOptions` for this rule, over all others.
        place: where the entry stands in the file.
    """

    name: str
    options: LearningOptions
    training: dict[str, Any]
    place: str


def read_rules(mistakes: Mistakes, content: dict[str, Any]) -> list[LearningEntry]:
    """Return the sound entries of `[[learning]]`; none where the file has none, and all learn by backpropagation."""
    values = content.get("learning", [])
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        mistakes.note("learning", values, 'must be an array of tables: write [[learning]] with name and rule = "dfa"')
        return []
    entries = [entry for i, value in enumerate(values, 1) if (entry := _entry(mistakes, f"learning {i}", value))]
    mistakes.no_repeats("learning", list(enumerate((entry.name for entry in entries), 1)), "give it another name")
    return entries


def _entry(mistakes: Mistakes, place: str, value: dict[str, Any]) -> LearningEntry | None:
    named = mistakes.section(place, _Named, {key: value[key] for key in value if key in _Named.model_fields})
    rest = {key: value[key] for key in value if key not in _Named.model_fields}
    rule = rest.get("rule")
    if not isinstance(rule, str) or rule not in RULES:
        if "rule" in rest:
            mistakes.note(f"{place}.rule", rule, f"is unknown; choose one of {', '.join(RULES)}")
        else:
            mistakes.missing(f"{place}.rule", f"; choose one of {', '.join(RULES)}")
        return None
    options = mistakes.section(place, RULES[rule], rest)
    if named is None or options is None:
        return None
    assert isinstance(options, BackpropagationOptions | TruncatedOptions | ReadoutOptions | FeedbackOptions)
    return LearningEntry(named.name, options, named.training, place)
