"""The mistakes in a study file: collected while it is checked, and told all at once."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from rnnzoo.strict import Strict
from rnnzoo.study.file import StudyFileError

Section = TypeVar("Section", bound=Strict)


class Mistakes:
    """Collects mistakes while a file is checked; each check goes on as far as what it needs is sound.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[str] = []

    def tell(self) -> None:
        """Raise all that was noted.

        Raises:
            StudyFileError: there is at least one mistake.
        """
        if self.lines:
            raise StudyFileError(self.path, list(dict.fromkeys(self.lines)))

    def missing(self, key: str, text: str) -> None:
        """Note that a key is missing."""
        self.lines.append(f"{key}: is missing{text}")

    def note(self, key: str, value: Any, text: str) -> None:
        """Note a mistake at a key."""
        shown = repr(value)
        shown = shown if len(shown) <= 80 else f"{shown[:77]}…"
        self.lines.append(f"{key} = {shown}: {text}")

    def section(self, key: str, kind: type[Section], values: Any) -> Section | None:
        """Return a table as its type, or None with every mistake in it noted."""
        if not isinstance(values, dict):
            self.note(key, values, "must be a table")
            return None
        try:
            return kind.model_validate(values)
        except ValidationError as error:
            for detail in error.errors():
                self.detail(key, kind, detail)
            return None

    def detail(self, key: str, kind: type[Strict], detail: Any) -> None:
        """Note one of pydantic's findings in our words."""
        place = ".".join(part for part in (key, *(str(p) for p in detail["loc"])) if part)
        match detail["type"]:
            case "missing":
                self.missing(place, "; add it")
            case "extra_forbidden":
                allowed = ", ".join(kind.model_fields)
                self.note(place, detail["input"], f"is unknown; the keys are {allowed}")
            case _:
                message = detail["msg"].removeprefix("Value error, ")
                self.note(place, detail["input"], f"{message[:1].lower()}{message[1:]}")

    def table(self, content: dict[str, Any], key: str, kind: type[Section]) -> Section | None:
        """Return one of the file's tables."""
        return self.section(key, kind, content.get(key, {}))

    def mapping(self, content: dict[str, Any], key: str) -> dict[str, Any]:
        """Return a free table."""
        values = content.get(key, {})
        if not isinstance(values, dict):
            self.note(key, values, "must be a table")
            return {}
        return values

    def entries(self, content: dict[str, Any], key: str, kind: type[Section]) -> list[tuple[int, Section]]:
        """Return the sound entries of an array of tables, numbered from 1."""
        values = content.get(key, [])
        if not isinstance(values, list) or not values:
            self.missing(f"[[{key}]]", f"; add at least one entry, e.g. [[{key}]] with a name")
            return []
        checked = [(i, self.section(f"{key} {i}", kind, value)) for i, value in enumerate(values, 1)]
        return [(i, entry) for i, entry in checked if entry is not None]

    def no_repeats(self, key: str, names: list[tuple[int, str]], remedy: str) -> None:
        """Note names that stand twice."""
        seen: set[str] = set()
        for i, name in names:
            if name in seen:
                self.note(f"{key} {i}", name, f"stands twice; {remedy}")
            seen.add(name)
