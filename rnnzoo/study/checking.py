"""Checks of a study file, whatever its kind: every mistake is found before anything runs, and all are told at once."""

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from rnnzoo.configuration import Strict

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


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file says.

    Raises:
        StudyFileError: the file cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise StudyFileError(path, [f"cannot be read: {error.strerror}; name an existing study file"]) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise StudyFileError(path, [f"is not TOML: {error}"]) from None


class Checker:
    """Collects the mistakes of a file; each check goes on as far as what it needs is sound."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mistakes: list[str] = []

    def done(self) -> None:
        """Raise a StudyFileError if there are mistakes."""
        if self.mistakes:
            raise StudyFileError(self.path, list(dict.fromkeys(self.mistakes)))

    def no_others(self, content: Mapping[str, Any], known: Collection[str]) -> None:
        """Note the keys of the file that are not known."""
        for key in content.keys() - set(known):
            self.mistake(key, content[key], f"is unknown; the keys are {', '.join(sorted(known))}")

    def mistake(self, key: str, value: Any, text: str) -> None:
        """Note a mistake at a key."""
        shown = repr(value)
        shown = shown if len(shown) <= 80 else f"{shown[:77]}…"
        self.mistakes.append(f"{key} = {shown}: {text}")

    def section(self, key: str, kind: type[Section], values: Any) -> Section | None:
        """Return a table as its type, or None with every mistake in it noted."""
        if not isinstance(values, dict):
            self.mistake(key, values, "must be a table")
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
                self.mistakes.append(f"{place}: is missing; add it")
            case "extra_forbidden":
                allowed = ", ".join(kind.model_fields)
                self.mistake(place, detail["input"], f"is unknown; the keys are {allowed}")
            case _:
                message = detail["msg"].removeprefix("Value error, ")
                self.mistake(place, detail["input"], f"{message[:1].lower()}{message[1:]}")

    def table(self, content: dict[str, Any], key: str, kind: type[Section]) -> Section | None:
        """Return one of the file's tables."""
        return self.section(key, kind, content.get(key, {}))

    def mapping(self, content: dict[str, Any], key: str) -> dict[str, Any]:
        """Return a free table."""
        values = content.get(key, {})
        if not isinstance(values, dict):
            self.mistake(key, values, "must be a table")
            return {}
        return values

    def entries(self, content: dict[str, Any], key: str, kind: type[Section]) -> list[tuple[int, Section]]:
        """Return the sound entries of an array of tables, numbered from 1."""
        values = content.get(key, [])
        if not isinstance(values, list) or not values:
            self.mistakes.append(f"[[{key}]]: is missing; add at least one entry, e.g. [[{key}]] with a name")
            return []
        checked = [(i, self.section(f"{key} {i}", kind, value)) for i, value in enumerate(values, 1)]
        return [(i, entry) for i, entry in checked if entry is not None]

    def no_repeats(self, key: str, names: list[tuple[int, str]], remedy: str) -> None:
        """Note names that stand twice."""
        seen: set[str] = set()
        for i, name in names:
            if name in seen:
                self.mistake(f"{key} {i}", name, f"stands twice; {remedy}")
            seen.add(name)
