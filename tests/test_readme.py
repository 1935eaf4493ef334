"""The README's examples run as they stand there."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
EXAMPLES = re.findall(r"<!-- example -->\n```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_there_are_examples():
    assert len(EXAMPLES) == 2


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs(example):
    names = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["output"].shape == (100, 16, 64)


def test_one_s_own_cell_takes_twenty_lines():
    code = EXAMPLES[1]
    cell = code[code.index("class") : code.index("layer =")].strip().splitlines()
    assert len(cell) <= 20
