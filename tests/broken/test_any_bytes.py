"""Whatever bytes a file holds: it is read, or refused with a message that names it; nothing else ever happens."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rnnzoo.export.model import MODEL, WEIGHTS, ModelError, load_model
from rnnzoo.records import COST, CURVE, RECORD, RecordError, read_cost, read_frame, read_record
from rnnzoo.study.file import StudyFileError
from rnnzoo.study.journal import drop_torn_line
from rnnzoo.study.reading import read_plan
from rnnzoo.terminal import printable
from tests.study.files import TINY

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
BYTES = st.binary(max_size=200) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
LINE = st.binary(max_size=20).map(lambda line: line.replace(b"\n", b""))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def attempt(action, kind):
    """Return what an action returns and "", or None and what its error says."""
    try:
        return action(), ""
    except kind as error:
        return None, str(error)


@QUICK
@given(BYTES)
def test_a_study_file_of_any_bytes(folder, content):
    path = folder / "study.toml"
    path.write_bytes(content)
    with pytest.raises(StudyFileError) as error:
        read_plan(path)
    assert str(path) in str(error.value)
    assert error.value.mistakes


@QUICK
@given(st.integers(0, len(TINY) - 1), st.characters(codec="utf-8"))
def test_a_study_file_with_one_character_changed(folder, place, character):
    path = folder / "tiny.toml"
    path.write_text(TINY[:place] + character + TINY[place + 1 :], encoding="utf-8", newline="")
    found, said = attempt(lambda: read_plan(path), StudyFileError)
    assert (str(path) in said) if found is None else found.competitors


@QUICK
@given(BYTES | JSON.map(lambda value: str(value).encode("utf-8", "surrogatepass")))
def test_files_of_a_run_of_any_bytes(folder, content):
    for name, read in ((RECORD, read_record), (COST, read_cost), (CURVE, lambda f: read_frame(f, CURVE, ("step",)))):
        (folder / name).write_bytes(content)
        found, said = attempt(lambda read=read: read(folder), RecordError)
        assert (str(folder / name) in said) if found is None else name != RECORD


@QUICK
@given(BYTES, BYTES)
def test_a_model_of_any_bytes(folder, description, weights):
    (folder / MODEL).write_bytes(description)
    (folder / WEIGHTS).write_bytes(weights)
    with pytest.raises(ModelError, match="write the folder anew"):
        load_model(folder)


@QUICK
@given(st.text())
def test_nothing_printed_is_obeyed_by_a_terminal(text):
    shown = printable(text)
    assert not any((ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 for c in shown)
    assert printable(shown) == shown
    assert not {"\u202e", "\u2028", "\u200b"} & set(shown)


def test_letters_of_every_script_stay():
    assert printable("größer, больше, 大, أكبر\t‖∂L/∂h‖\n") == "größer, больше, 大, أكبر\t‖∂L/∂h‖\n"
    assert printable("\x1b[2J\u202e\x9b") == r"\x1b[2J\u202e\x9b"


@QUICK
@given(
    st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=5), st.binary(max_size=9000)
)
def test_a_torn_line_is_cut_and_whole_ones_stay(folder, lines, torn):
    path = folder / "journal.log"
    whole = b"".join(line + b"\n" for line in lines)
    path.write_bytes(whole + torn.replace(b"\n", b""))
    drop_torn_line(path)
    assert path.read_bytes() == whole
