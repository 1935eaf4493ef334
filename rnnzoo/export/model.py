"""A trained model as a folder: its weights (safetensors) and what they belong to (JSON); and back.

Nothing in such a folder is code: a folder from a stranger can be loaded.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import ValidationError

from rnnzoo.configuration import RunConfig
from rnnzoo.export.extras import needed
from rnnzoo.files import read_bytes, write_bytes, write_text
from rnnzoo.strict import PositiveInt, Strict

if TYPE_CHECKING:
    from rnnzoo.model import SequenceModel

WEIGHTS = "model.safetensors"
MODEL = "model.json"
MOST_BYTES = 2**34
MOST_DESCRIPTION = 2**20


class ModelError(ValueError):
    """A folder does not hold a model; the message names the file and what to do."""


class SavedModel(Strict):
    """What the weights belong to.

    Attributes:
        config: the configuration of the run that trained them.
        input_size, output_size, readout, vocabulary: of the task.
        scores: validation and test score of the run, as far as it has them.
        rnnzoo: the version that wrote the folder.
    """

    config: RunConfig
    input_size: PositiveInt
    output_size: PositiveInt
    readout: Literal["last", "every"]
    vocabulary: PositiveInt | None = None
    scores: dict[str, float]
    rnnzoo: str


def save_model(model: "SequenceModel", saved: SavedModel, folder: Path) -> Path:
    """Write a model to a folder of its own and return it; `load_model` reads it.

    Raises:
        ExtraMissing: safetensors is not installed.
        WriteError: a file cannot be written.
    """
    tensors = needed("safetensors.torch", "export")
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    write_bytes(folder / WEIGHTS, tensors.save(weights))
    write_text(folder / MODEL, saved.model_dump_json(indent=1) + "\n")
    return folder


def load_model(folder: str | Path, device: torch.device | str = "cpu") -> "SequenceModel":
    """Return a model that `rnnzoo export --winner` wrote, ready to answer.

    Args:
        folder: holds model.safetensors and model.json.
        device: where the model shall be.

    Returns:
        the model in evaluation mode: x (time, batch, input_size) → (batch, output_size) for a readout at the last step,
        (time, batch, output_size) for one at every step.

    Raises:
        ExtraMissing: safetensors is not installed.
        ModelError: the folder does not hold a model.
    """
    place = Path(folder)
    tensors = needed("safetensors.torch", "export")
    saved = read_saved(place)
    path = place / WEIGHTS
    try:
        weights = tensors.load(read_bytes(path, MOST_BYTES))
    except Exception as error:  # a stranger's file may be wrong in any way
        raise ModelError(f"{path}: {_said(error)}; write the folder anew with rnnzoo export --winner") from None
    check_sizes(saved, weights, path)
    model = make(saved)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(f"{path}: does not fit {place / MODEL}: {_said(error)}; take both from one export") from None
    return model.to(device).eval()


def read_saved(folder: Path) -> SavedModel:
    """Return what the weights in a folder belong to.

    Raises:
        ModelError: the file cannot be read, or is no description of a model.
    """
    path = folder / MODEL
    try:
        return SavedModel.model_validate_json(read_bytes(path, MOST_DESCRIPTION))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        said = f"{place}: {first['msg']}"
    except OSError as error:
        said = error.strerror or str(error)
    raise ModelError(f"{path}: {said}; write the folder anew with rnnzoo export --winner")


def make(saved: SavedModel) -> "SequenceModel":
    """Return a new model of the described form on the CPU.

    Raises:
        ModelError: there is no such model.
    """
    from rnnzoo.model import configured_model

    config = saved.config.model_copy(update={"device": "cpu"})
    with torch.random.fork_rng(devices=[]):
        try:
            return configured_model(
                config,
                input_size=saved.input_size,
                output_size=saved.output_size,
                readout=saved.readout,
                vocabulary=saved.vocabulary,
            )
        except (TypeError, ValueError) as error:
            raise ModelError(f"{MODEL}: describes no model: {error}") from None


def check_sizes(saved: SavedModel, weights: dict[str, torch.Tensor], path: Path) -> None:
    """Raise a ModelError if a size is beyond the weights: no memory is asked for on the word of a description."""
    present = sum(value.numel() for value in weights.values())
    sizes = {
        "config.hidden_size": saved.config.hidden_size,
        "config.num_layers": saved.config.num_layers,
        "input_size": saved.input_size,
        "output_size": saved.output_size,
        "vocabulary": saved.vocabulary or 0,
    }
    for name, size in sizes.items():
        if size > present:
            raise ModelError(
                f"{path.with_name(MODEL)}: {name} = {size:,} is more than the {present:,} numbers in {path.name}; "
                "take both from one export"
            )


def _said(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(said.split())[:300]
