"""The cells of the zoo, by the name that study files and the command line use."""

from rnnzoo.cells.base import Cell, State, Weights
from rnnzoo.cells.claims import Bound, Claims, Condition
from rnnzoo.cells.cornn import CoRNN
from rnnzoo.cells.exprnn import ExpRNN
from rnnzoo.cells.generated import Generated
from rnnzoo.cells.gru import GRU
from rnnzoo.cells.lstm import LSTM
from rnnzoo.cells.rnn import RNN
from rnnzoo.cells.settings import Construction, Recipe, SearchSpace
from rnnzoo.cells.spectral import SpectralRNN
from rnnzoo.cells.unicornn import UnICORNN
from rnnzoo.cells.urnn import URNN

CELLS: dict[str, type[Cell]] = {
    "rnn": RNN,
    "lstm": LSTM,
    "gru": GRU,
    "cornn": CoRNN,
    "unicornn": UnICORNN,
    "urnn": URNN,
    "exprnn": ExpRNN,
    "spectral": SpectralRNN,
    "generated": Generated,
}
"""Cell name → class; `CELLS[name](input_size, hidden_size, **hyperparameters)`."""

__all__ = ["CELLS", "Bound", "Cell", "Claims", "Condition", "Construction", "Recipe", "SearchSpace", "State", "Weights"]
