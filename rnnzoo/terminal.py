"""Text of strangers on a terminal: shown, never obeyed."""

import unicodedata


def printable(text: str) -> str:
    r"""Return text whose control characters are written out: an escape sequence is shown as \x1b[…, not obeyed.

    Line feeds and tabs stay; so does every letter of every script. What turns the direction of writing round is written
    out too, as it can make text read as what it is not.
    """
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in HIDDEN else _written_out(c) for c in text)


HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Unicode's control and format characters, halves of pairs, private ones, and its own line and paragraph ends."""


def _written_out(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
