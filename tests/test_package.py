"""The package itself: what it offers is imported when it is used, and not before."""

import pkgutil
import subprocess
import sys

import pytest

import rnnzoo
from rnnzoo.report import figures


@pytest.mark.parametrize("name", rnnzoo.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert name in dir(rnnzoo)
    assert getattr(rnnzoo, name) is getattr(rnnzoo, name)


@pytest.mark.parametrize("name", rnnzoo.SUBPACKAGES)
def test_so_is_every_subpackage(name: str) -> None:
    code = f"import rnnzoo; print(rnnzoo.{name}.__name__)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == f"rnnzoo.{name}\n"


def test_another_name_is_not() -> None:
    with pytest.raises(AttributeError, match="module 'rnnzoo' has no attribute 'LSTM'"):
        rnnzoo.LSTM  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'LSTM'"):
        from rnnzoo import LSTM  # noqa: F401


def test_the_command_line_answers_before_pytorch_is_imported() -> None:
    code = (
        "import sys; from rnnzoo.cli import app; app(['run', '--help'], standalone_mode=False); "
        "from rnnzoo.study import file, forkserver; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_figures_are_drawn_without_pytorch() -> None:
    assert [module.name for module in pkgutil.iter_modules(figures.__path__)] == list(figures.SECTIONS)
    code = (
        "import importlib, sys; from rnnzoo.report.figures import MODULES; "
        "[importlib.import_module(name) for name in MODULES]; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
