"""The mistakes in a study file: collected while it is checked, and told all at once."""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from rnnzoo.configuration import Strict
from rnnzoo.files import read_given

MOST_BYTES = 2**20
"""Largest study file; the longest of those that come with rnnzoo has some 5,000 bytes."""

Section = TypeVar("Section", bound=Strict)


class StudyFileError(ValueError):
    """A study file with mistakes.

    Attributes:
        path: the file.
        mistakes: one line a mistake: key, value, what is allowed, what to do.
    """

    def __init__(self, path: Path, mistakes: list[str]) -> None:
        self.path = path
        self.mistakes = mistakes
        count = f"{len(mistakes)} mistake{'s' if len(mistakes) != 1 else ''}"
        super().__init__("\n".join([f"{path}: {count}", *(f"  {mistake}" for mistake in mistakes)]))


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


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a study file.

    Raises:
        StudyFileError: it cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(read_given(path, MOST_BYTES).decode("utf-8"))
    except OSError as error:
        said = error.strerror or str(error)
        raise StudyFileError(path, [f"cannot be read: {said}; name an existing study file"]) from None
    except RecursionError:
        raise StudyFileError(path, ["is not TOML that can be read: its values are nested too deeply"]) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise StudyFileError(path, [f"is not TOML: {error}"]) from None
