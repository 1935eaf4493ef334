"""Broken files, each as a change of a sound one, and what the program must say of it."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.study.files import TINY

STUDY = (
    TINY.replace('[[cell]]\nname = "cornn"\n', "")
    .replace('[[task]]\nname = "copy"\noptions = { length = 2, held_out_size = 20 }\n', "")
    .replace("trials = 3", "trials = 2")
    .replace("seeds = [1, 2]", "seeds = [1]")
)

SPEED = """
name = "fast"
kind = "speed"
question = "How fast?"
repetitions = 3

[[sweep]]
over = "hidden"
values = [2, 3]
shape = [3, 2, 2]
cells = ["rnn"]
engines = ["reference"]
"""

Change = Callable[[Path], object]


class Case(NamedTuple):
    """A broken file.

    Attributes:
        change: breaks a file in a folder that holds study.toml, fast.toml, runs/ and reports/.
        place: what the message must name.
        remedy: what it must say to do.
        verb: the command that meets it.
        study: the study file that the command is given.
    """

    change: Change
    place: str
    remedy: str
    verb: str = "run"
    study: str = "study.toml"


def study(old: str, new: str, place: str, remedy: str) -> Case:
    """Return a case in which a part of the study file is another."""
    assert old in STUDY

    def change(folder: Path) -> None:
        (folder / "study.toml").write_text(STUDY.replace(old, new, 1))

    return Case(change, place, remedy)


def speed(old: str, new: str, place: str, remedy: str) -> Case:
    """Return a case in which a part of the speed study's file is another."""
    assert old in SPEED

    def change(folder: Path) -> None:
        (folder / "fast.toml").write_text(SPEED.replace(old, new, 1))

    return Case(change, place, remedy, study="fast.toml")


def content(data: bytes) -> Change:
    """Return a change of the study file to these bytes."""
    return lambda folder: (folder / "study.toml").write_bytes(data)


def run_folder(folder: Path) -> Path:
    """Return the folder of the confirm run."""
    return next(path.parent for path in (folder / "runs").glob("*/weights.pt"))


def file(name: str, data: bytes) -> Change:
    """Return a change of a file of the confirm run to these bytes."""
    return lambda folder: (run_folder(folder) / name).write_bytes(data)


def record(**changes: object) -> Change:
    """Return a change of entries of the confirm run's record."""

    def change(folder: Path) -> None:
        path = run_folder(folder) / "record.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def instead(name: str, make: Callable[[Path], object]) -> Change:
    """Return a change of a file of the confirm run to something that is no file."""

    def change(folder: Path) -> None:
        path = run_folder(folder) / name
        path.unlink()
        make(path)

    return change


def linked_run(folder: Path) -> None:
    """Put a link where the run's folder was; what it leads to must stay as it is."""
    path = run_folder(folder)
    path.rename(folder / "elsewhere")
    path.symlink_to(folder / "elsewhere")


def replaced_run(folder: Path) -> None:
    """Put a file where the run's folder was."""
    path = run_folder(folder)
    path.rename(folder / "elsewhere")
    path.write_text("")


def linked_work(folder: Path) -> None:
    """Put a link where a run would work."""
    path = run_folder(folder)
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "precious.txt").write_text("precious")
    path.with_name(path.name + ".partial").symlink_to(folder / "elsewhere")
    (path / "record.json").unlink()


def journal(change: Callable[[bytes], bytes]) -> Change:
    """Return a change of the journal of trials."""

    def damage(folder: Path) -> None:
        path = folder / "runs" / "journal.log"
        path.write_bytes(change(path.read_bytes()))

    return damage


def journal_values(old: str, new: str) -> Change:
    """Return a change of a text in the journal of trials, which must be there."""

    def replaced(data: bytes) -> bytes:
        assert old.encode() in data
        return data.replace(old.encode(), new.encode())

    return journal(replaced)


def measured(name: str, data: bytes) -> Change:
    """Return a change of a file that a speed study's report is made of."""

    def change(folder: Path) -> None:
        place = folder / "reports" / "fast"
        place.mkdir(parents=True)
        (place / "measured.json").write_text('{"environment": {}, "seconds": 1.0}')
        (place / "rows.csv").write_text("cell\nrnn\n")
        (place / name).write_bytes(data)

    return change


def wiring(name: str, said: str) -> Case:
    """Return a case in which a cell's wiring is to be read from a file of this name."""
    new = f'name = "generated"\noptions = {{ architecture = "{name}" }}'

    def change(folder: Path) -> None:
        (folder / "study.toml").write_text(STUDY.replace('name = "rnn"', new, 1))
        (folder.parent / "outside.json").write_text("{}")
        (folder / "away.json").symlink_to(folder.parent / "outside.json")
        (folder / "endless.json").symlink_to("/dev/zero")
        os.mkfifo(folder / "pipe.json")

    return Case(change, said, "name a file beside the study file")


REPEAT = "delete the folder to repeat the run"
NAMED = "name an existing study file"
DEEP = b"[" * 100_000
ANEW = "measure again with rnnzoo run"

STUDY_FILES = {
    "no file": Case(lambda f: (f / "study.toml").unlink(), "study.toml", NAMED),
    "a folder": Case(lambda f: ((f / "study.toml").unlink(), (f / "study.toml").mkdir()), "study.toml", NAMED),
    "a pipe": Case(lambda f: ((f / "study.toml").unlink(), os.mkfifo(f / "study.toml")), "study.toml", NAMED),
    "a device": Case(lambda f: ((f / "study.toml").unlink(), (f / "study.toml").symlink_to("/dev/zero")), "", NAMED),
    "nothing in it": Case(content(b""), "name: is missing", "add it"),
    "no TOML": Case(content(b"name = "), "study.toml", "is not TOML"),
    "cut off": Case(content(STUDY.encode()[:-20]), "study.toml", "is not TOML"),
    "another encoding": Case(content("name = 'é'".encode("utf-16")), "study.toml", "is not TOML"),
    "a picture": Case(content(b"\x89PNG\r\n\x1a\n\x00\x00"), "study.toml", "is not TOML"),
    "a key twice": Case(content(b'name = "a"\nname = "b"\n'), "line 2", "is not TOML"),
    "depth without end": Case(content(b"a = " + DEEP), "study.toml", "is not TOML"),
    "far too long": Case(content(b"# " * 2**21), "study.toml", "more than the"),
    "name of another folder": study('name = "tiny"', 'name = "../tiny"', "name = '../tiny'", "match pattern"),
    "name with a line feed": study('name = "tiny"', 'name = "tiny\\n"', "name = 'tiny\\n'", "match pattern"),
    "name that is a path": study('name = "tiny"', 'name = "/etc/tiny"', "name = '/etc/tiny'", "match pattern"),
    "label of another folder": study('name = "adding"', 'name = "adding"\nlabel = ".."', "task 1.label", "pattern"),
    "unknown key": study("[budget]", '"a\\u001b[31mb" = 1\n[budget]', r"a\x1b[31mb", "the keys are"),
    "size without end": study("parameters = 300", f"parameters = {10**40}", "budget.parameters", "less than"),
    "size of no machine": study("parameters = 300", f"parameters = {10**17}", "budget.parameters", "less than"),
    "seed below zero": study("seeds = [1]", "seeds = [-1]", "confirm.seeds.0", "greater than or equal to 0"),
    "seeds of text": study("seeds = [1]", 'seeds = ["a"]', "confirm.seeds.0", "valid integer"),
    "not a number": study("batch_size = 4", "batch_size = 4\nlr = nan", "training.lr", "finite number"),
    "options that are none": study("options = { length = 6, held_out_size = 20 }", "options = 3", "task 1.options", ""),
    "nested options": study("length = 6", "length = { a = 1 }", "task 1.options", ""),
    "length below the least": study("length = 6", "length = -6", "task 1.options", "choose a value in that range"),
    "module as a task": study('name = "adding"', 'name = "os.system"', "task 1.name", "choose one of adding"),
    "module as a cell": study('name = "rnn"', 'name = "os:system"', "cell 1.name", "choose one of rnn"),
    "wiring of another folder": wiring("../outside.json", "leads out of the folder"),
    "wiring by a whole path": wiring("/etc/passwd", "leads out of the folder"),
    "wiring by a link": wiring("away.json", "leads out of the folder"),
    "wiring without end": wiring("endless.json", "leads out of the folder"),
    "wiring of a pipe": wiring("pipe.json", "is no plain file"),
    "wiring of no name": wiring("a\\u0000b", "cell 1.options.architecture"),
    "wiring of no file": wiring("none.json", "cell 1.options.architecture"),
    "a cell of options": study('name = "rnn"', 'name = "rnn"\noptions = { __class__ = 1 }', "__class__", ""),
    "no tasks": study("[[task]]", "[[tusk]]", "[[task]]: is missing", "add at least one"),
    "a limit below zero": study("[budget]", "[limits]\nseconds = -1.0\n[budget]", "limits.seconds", "greater than 0"),
    "speed: an unknown axis": speed('over = "hidden"', 'over = "width"', "sweep 1.over", "'steps', 'batch' or"),
    "speed: a shape of two": speed("shape = [3, 2, 2]", "shape = [3, 2]", "sweep 1.shape", ""),
    "speed: an unknown engine": speed('["reference"]', '["warp"]', "sweep 1.engines", "choose one of"),
    "speed: name of a path": speed('name = "fast"', 'name = "a/b"', "name = 'a/b'", "pattern"),
}

RECORDS = {
    "record: empty": Case(file("record.json", b""), "record.json", REPEAT),
    "record: no JSON": Case(file("record.json", b"{"), "record.json", REPEAT),
    "record: bytes": Case(file("record.json", b"\xff\xfe\x00"), "record.json", REPEAT),
    "record: a list": Case(file("record.json", b"[1, 2]"), "record.json", REPEAT),
    "record: depth without end": Case(file("record.json", DEEP), "record.json", REPEAT),
    "record: far too long": Case(file("record.json", b" " * 2**21), "record.json", REPEAT),
    "record: another's": Case(record(config={"task": "adding"}), "config", REPEAT),
    "record: an unknown state": Case(record(state="won"), "state", REPEAT),
    "record: an infinite score": Case(record(valid=float("inf")), "valid", REPEAT),
    "record: text for a score": Case(record(test="0.5"), "test", REPEAT),
    "record: an unknown key": Case(record(colour="red"), "colour", REPEAT),
    "record: finished without a score": Case(record(valid=None), "valid", REPEAT),
    "record: no time": Case(record(seconds=None), "seconds", REPEAT),
    "record: a folder": Case(instead("record.json", Path.mkdir), "record.json", REPEAT),
    "record: a pipe": Case(instead("record.json", os.mkfifo), "record.json", REPEAT),
    "record: a link": Case(instead("record.json", lambda p: p.symlink_to("/etc/passwd")), "symbolic link", REPEAT),
    "run: a link": Case(linked_run, "symbolic link", "delete it"),
    "run: a file": Case(replaced_run, "runs/", "delete"),
    "run: a link where it works": Case(linked_work, "symbolic link", "delete it"),
    "cost: no JSON": Case(file("cost.json", b"{"), "cost.json", "delete the file to measure again"),
    "cost: a list": Case(file("cost.json", b"[]"), "cost.json", "delete the file to measure again"),
    "cost: not a number": Case(file("cost.json", b'{"seconds_per_step": NaN}'), "cost.json", "delete the file"),
    "cost: text": Case(file("cost.json", b'{"seconds_per_step": "a"}'), "cost.json", "delete the file"),
    "curve: bytes": Case(file("curve.csv", b"\xff\xfe\x00\x01"), "curve.csv", REPEAT, "report"),
    "curve: ragged": Case(file("curve.csv", b"step,valid\n1,2,3\n4,5,6,7\n"), "curve.csv", REPEAT, "report"),
    "curve: other columns": Case(file("curve.csv", b"a,b\n1,2\n"), "curve.csv", REPEAT, "report"),
    "curve: text": Case(
        file("curve.csv", b"step,seconds,train_loss,valid,lr\na,b,c,d,e\n"), "curve.csv", REPEAT, "report"
    ),
    "curve: a folder": Case(instead("curve.csv", Path.mkdir), "curve.csv", REPEAT, "report"),
    "gradients: other columns": Case(file("gradients.csv", b"a,b\n1,2\n"), "gradients.csv", REPEAT, "report"),
    "gradients: bytes": Case(file("gradients.csv", b"\x00\xff"), "gradients.csv", REPEAT, "report"),
    "journal: bytes": Case(journal(lambda _: b"\xff\xfe\n\x00\n"), "journal.log", "move it away"),
    "journal: a list": Case(journal(lambda _: b"[]\n[]\n"), "journal.log", "move it away"),
    "journal: a hole": Case(journal(lambda old: old[:80] + old[90:]), "journal.log", "move it away"),
    "journal: an unknown operation": Case(journal(lambda old: old + b'{"op_code":9}\n'), "journal.log", "move it away"),
    "journal: other settings": Case(journal_values('"training.lr":', '"training.rl":'), "journal.log", "move it away"),
    "journal: a setting out of range": Case(
        journal_values('"params":{"training.lr":0', '"params":{"training.lr":-7'), "journal.log", "move it away"
    ),
    "journal: text for a setting": Case(
        journal_values('"params":{"training.lr":', '"params":{"training.lr":"x","y":'), "journal.log", "move it away"
    ),
    "journal: text for a place": Case(journal_values('"slot":1', '"slot":"x"'), "journal.log", "move it away"),
    "journal: text for a score": Case(journal_values('"values":[', '"values":["x",'), "journal.log", "move it away"),
    "journal: a folder": Case(
        lambda f: ((f / "runs" / "journal.log").unlink(), (f / "runs" / "journal.log").mkdir()), "journal.log", "folder"
    ),
    "journal: a link": Case(
        lambda f: (
            (f / "runs" / "journal.log").rename(f / "elsewhere"),
            (f / "runs" / "journal.log").symlink_to(f / "elsewhere"),
        ),
        "journal.log",
        "symbolic link",
    ),
    "times: no JSON": Case(measured("measured.json", b"{"), "reports/fast", ANEW, "report", "fast.toml"),
    "times: other columns": Case(measured("rows.csv", b"a\n1\n"), "reports/fast", ANEW, "report", "fast.toml"),
    "times: bytes": Case(measured("rows.csv", b"\xff\x00"), "reports/fast", ANEW, "report", "fast.toml"),
}

IMAGES = "train-images-idx3-ubyte"
HEADER = bytes.fromhex("00000803") + b"".join(n.to_bytes(4, "big") for n in (60_000, 28, 28))


def data(contents: bytes) -> Case:
    """Return a case in which a study of MNIST finds this among the user's own files."""

    def change(folder: Path) -> None:
        text = STUDY.replace('name = "adding"\noptions = { length = 6, held_out_size = 20 }', 'name = "smnist"')
        (folder / "study.toml").write_text(text)
        place = folder / "data" / "mnist"
        place.mkdir(parents=True)
        for name in (IMAGES, "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
            (place / name).write_bytes(contents)

    return Case(change, f"data/mnist/{IMAGES}", "replace it, or take it away and run `rnnzoo data fetch mnist`")


DATA = {
    "data: empty": data(b""),
    "data: text": data(b"<html>not found</html>"),
    "data: a header alone": data(HEADER),
    "data: a header that promises the world": data(bytes.fromhex("00000803") + b"\xff" * 12),
    "data: gzip cut off": data(gzip.compress(HEADER + bytes(1000))[:-9]),
    "data: gzip that swells": data(gzip.compress(bytes(2**26))),
    "data: other contents": data(HEADER + bytes(60_000 * 784)),
    "data: more than belongs": data(HEADER + bytes(60_000 * 784 + 1)),
}

CASES = STUDY_FILES | RECORDS | DATA
