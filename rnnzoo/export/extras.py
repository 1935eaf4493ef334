"""Packages that only some exports need, and what to do where one is not installed."""

from importlib import import_module
from types import ModuleType


class ExtraMissing(RuntimeError):  # noqa: N818 - says what is the case
    """A package that is not installed is needed; the message says how to install it."""


def needed(package: str, extra: str) -> ModuleType:
    """Return a package.

    Raises:
        ExtraMissing: it is not installed.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise ExtraMissing(f"{package} is needed for this: pip install 'rnnzoo[{extra}]' ({error})") from None
