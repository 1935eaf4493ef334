"""Layers of other packages that cells are timed against: PyTorch's own, and torchrecurrent's where it is installed."""

import importlib

from torch import nn

PEERS: dict[str, str] = {
    "torch.nn.LSTM": "lstm",
    "torch.nn.GRU": "gru",
    "torch.nn.RNN": "rnn",
    "torchrecurrent.coRNN": "cornn",
    "torchrecurrent.UnICORNN": "unicornn",
}
"""Layer → the zoo's cell of the same kind. Their equations differ in details (biases, damping), their steps do not."""

USUAL = ("torch.nn.LSTM", "torch.nn.GRU")
"""What everyone has and measures by, whatever the cell."""

EXTRA = "rnnzoo[peers]"


class MissingPeerError(RuntimeError):
    """The package of a layer is not installed; the message says how to install it."""


def peers_of(cell: str) -> tuple[str, ...]:
    """Return the layers of the same kind as a cell of the zoo; none for a cell of the user's own."""
    return tuple(layer for layer, same in PEERS.items() if same == cell)


def make_peer(name: str, input_size: int, hidden_size: int) -> nn.Module:
    """Return one of `PEERS` with a single layer: called with (time, batch, features), it returns (output, state).

    Raises:
        MissingPeerError: its package is not installed.
    """
    package, _, layer = name.rpartition(".")
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        raise MissingPeerError(f"{package} cannot be imported ({error}); pip install '{EXTRA}'") from None
    made = getattr(module, layer)(input_size, hidden_size)
    assert isinstance(made, nn.Module)
    return made
