"""The file of a study, before it is known to be sound; what imports PyTorch comes after it."""

import tomllib
from pathlib import Path
from typing import Any

from rnnzoo.files import read_given

MOST_BYTES = 2**20
"""Largest study file; the longest of those that come with rnnzoo has some 5,000 bytes."""

SPEED = "speed"
"""The kind of a study that times cells and trains none."""


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


def is_speed_study(path: Path) -> bool:
    """Whether a study file says that it is of kind "speed".

    Raises:
        StudyFileError: the file cannot be read or is not TOML.
    """
    return read_toml(path).get("kind") == SPEED
