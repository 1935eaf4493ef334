"""A cell of the user's own from a file, and what is said where there is none."""

import pytest

from rnnzoo.cells import CoRNN
from rnnzoo.cells.loading import CellLoadError, load_cell

OWN = '''
import torch
from rnnzoo.cells.base import Cell, parameter


class Leaky(Cell):
    """h = a h + (1 - a) tanh(W h + u), with a the leak."""

    def __init__(self, input_size, hidden_size, *, leak=0.5, device=None, dtype=None):
        super().__init__(input_size, hidden_size)
        self.leak = leak
        self.W = parameter(hidden_size, hidden_size, device=device, dtype=dtype)
        self.V = parameter(input_size, hidden_size, device=device, dtype=dtype)
        self.reset_parameters()

    state_sizes = property(lambda self: {"h": self.hidden_size})
    output_size = property(lambda self: self.hidden_size)

    def reset_parameters(self):
        for p in self.parameters():
            torch.nn.init.normal_(p, std=0.3)

    def initial_state(self, batch_size):
        return self.zeros(batch_size)

    def project(self, x):
        return x @ self.V

    def recurrent_weights(self):
        return {"W": self.W}

    def step(self, u, state, w):
        (h,) = state
        return (self.leak * h + (1 - self.leak) * torch.tanh(torch.addmm(u, h, w["W"])),)

    def output(self, state):
        return state[0]


class Unfinished(Cell):
    pass


class Other:
    pass
'''


def write_own(folder, text=OWN, name="own.py"):
    path = folder / name
    path.write_text(text)
    return path


def test_a_name_of_the_zoo_is_its_cell():
    assert load_cell("cornn") == ("cornn", CoRNN)


def test_an_own_cell_is_loaded_from_its_file_once(tmp_path):
    path = write_own(tmp_path)
    name, cell = load_cell(f"{path}:Leaky")
    assert name == "Leaky"
    assert cell(2, 3, leak=0.25).hyperparameters() == {"leak": 0.25}
    assert load_cell(f"{path}:Leaky")[1] is cell


def test_an_own_cell_may_import_from_its_folder(tmp_path):
    write_own(tmp_path, name="neighbour_of_a_test.py")
    path = write_own(tmp_path, "from neighbour_of_a_test import Leaky\n", name="outer.py")
    assert load_cell(f"{path}:Leaky")[0] == "Leaky"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cornnn", "choose one of rnn"),
        ("own.txt:Leaky", "FILE.py:CLASS"),
        ("{folder}/absent.py:Leaky", "is no file"),
        ("{folder}/own.py:Leak", "it has Leaky"),
        ("{folder}/own.py:Other", "no subclass of rnnzoo.cells.Cell"),
        ("{folder}/own.py:torch", "no subclass"),
        ("{folder}/own.py:Unfinished", "does not implement initial_state"),
        ("{folder}/broken.py:Leaky", r"ModuleNotFoundError: No module named 'no_such_module' \(line 2\)"),
        ("{folder}/wrong.py:Leaky", "SyntaxError"),
    ],
)
def test_a_cell_that_cannot_be_loaded_is_refused_with_the_reason(tmp_path, name, said):
    write_own(tmp_path)
    write_own(tmp_path, "\nimport no_such_module\n", name="broken.py")
    write_own(tmp_path, "class Leaky(:\n", name="wrong.py")
    with pytest.raises(CellLoadError, match=said):
        load_cell(name.format(folder=tmp_path))


def test_a_file_that_failed_is_read_again_once_it_is_mended(tmp_path):
    path = write_own(tmp_path, "import no_such_module\n")
    with pytest.raises(CellLoadError):
        load_cell(f"{path}:Leaky")
    write_own(tmp_path)
    assert load_cell(f"{path}:Leaky")[0] == "Leaky"
