"""A trained model as an ONNX graph of any length and any batch.

A cell's `project`, `initial_state`, `step` and `output` are each a few operators, which PyTorch's exporter writes down;
what it cannot write down is a loop of unknown length. So `step` becomes the body of a Scan operator, put together here:

    x (time, batch, input) → project → Scan over time of step and output → the next layer … → readout → answer

`recurrent_weights` depends on parameters alone and is stored as it is: an orthogonal matrix, not the map that makes it.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rnnzoo.cells import Cell, State
from rnnzoo.export.extras import needed
from rnnzoo.files import write_bytes
from rnnzoo.model import SequenceModel
from rnnzoo.readout import StandardisedLinear

OPSET = 18
INPUT, ANSWER = "x", "answer"


class NotExportable(ValueError):  # noqa: N818 - says what is the case
    """The model has a part that this file does not know, or a cell whose step is no graph of operators."""


def write_onnx(model: SequenceModel, path: Path) -> Path:
    """Write a model as an ONNX file; see `onnx_model`.

    Raises:
        ExtraMissing: onnx or onnxscript is not installed.
        NotExportable: see there.
        WriteError: the file cannot be written.
    """
    return write_bytes(path, onnx_model(model).SerializeToString())


def onnx_model(model: SequenceModel) -> Any:
    """Return a model as an `onnx.ModelProto`.

    Its input "x" is (time, batch, input_size), every sequence of full length; its output "answer" is (batch,
    output_size) for a readout at the last step, else (time, batch, output_size). Time and batch are free. Dropout does
    nothing in it, as in evaluation.

    Raises:
        ExtraMissing: onnx or onnxscript is not installed.
        NotExportable: the model has more parts than an encoder, a stack and a readout, or PyTorch cannot export one.
    """
    onnx = needed("onnx", "onnx")
    needed("onnx.compose", "onnx")
    needed("onnxscript", "onnx")
    if strange := sorted({name for name, _ in model.named_children()} - {"encoder", "recurrent", "linear"}):
        raise NotExportable(f"onnx: the model has {', '.join(strange)}, which this export does not know")
    graph = _Graph(onnx, next(model.parameters()).dtype)
    layer = model.recurrent
    data, width = INPUT, layer.input_size
    cells = [cell for cell in layer.cells if isinstance(cell, Cell)]
    with _quiet(), torch.no_grad():
        if model.encoder is not None:
            x = torch.zeros(64, 2, model.encoder.input_size, dtype=graph.dtype)
            front = exported(model.encoder, (x,), {"x": {0: torch.export.Dim("time"), 1: torch.export.Dim("batch")}})
            (data,) = graph.embedded(front, INPUT)
        for start in range(0, len(cells), layer.directions):
            group = cells[start : start + layer.directions]
            outputs = [graph.carry(cell, data, backward=index == 1) for index, cell in enumerate(group)]
            above = graph.concatenated(outputs)
            below, width = width, sum(cell.output_size for cell in group)
            data = graph.node("Add", [above, data]) if layer.residual and width == below else above
        seen = data if model.readout == "every" else graph.last(data, [cell.output_size for cell in group])
        linear = model.linear.folded() if isinstance(model.linear, StandardisedLinear) else model.linear
        product = graph.node("MatMul", [seen, graph.constant(linear.weight.t())])
        graph.node("Add", [product, graph.constant(linear.bias)], ANSWER)
    front_size = layer.input_size if model.encoder is None else model.encoder.input_size
    return graph.finished(front_size, model.output_size, every=model.readout == "every")


class _Before(nn.Module):
    """All that a cell does before its first step."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (self.cell.project(x), *self.cell.initial_state(x.shape[1]))


class _Step(nn.Module):
    """A step of a cell and what is seen of it; its weights are constants."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        # no submodule: the step reads no parameter, so that the graph holds the recurrent weights alone
        self.step, self.output = cell.step, cell.output
        self.names = []
        for index, (name, value) in enumerate(cell.recurrent_weights().items()):
            self.names.append(name)
            self.register_buffer(f"w{index}", value.detach().clone())

    def forward(self, state: State, u: Tensor) -> tuple[Tensor, ...]:
        w = {name: self.get_buffer(f"w{index}") for index, name in enumerate(self.names)}
        following = self.step(u, state, w)
        return (*following, self.output(following))


class _Graph:
    """The graph while it is put together."""

    def __init__(self, onnx: Any, dtype: torch.dtype) -> None:
        self.onnx = onnx
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.parts = 0

    def fresh(self, what: str) -> str:
        """Return a name that nothing has yet."""
        self.parts += 1
        return f"{what.lower()}_{self.parts}"

    def node(self, kind: str, inputs: list[str], output: str | None = None, **attributes: Any) -> str:
        """Add an operator with one output and return its name."""
        name = output or self.fresh(kind)
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, value: Tensor) -> str:
        """Add a constant and return its name."""
        name = self.fresh("constant")
        self.constants.append(self.onnx.numpy_helper.from_array(value.detach().cpu().contiguous().numpy(), name))
        return name

    def carry(self, cell: Cell, data: str, *, backward: bool) -> str:
        """Add a cell that walks over a sequence (time, batch, width); return the name of its output at every step."""
        steps, batch = 3, 2
        x = torch.zeros(steps, batch, cell.input_size, dtype=self.dtype)
        time, rows = torch.export.Dim("time"), torch.export.Dim("batch")
        u, *state = self.embedded(exported(_Before(cell), (x,), {"x": {0: time, 1: rows}}), data)
        first = tuple(part.clone() for part in cell.initial_state(batch))
        shapes = {"state": tuple({0: rows} for _ in first), "u": {0: rows}}
        body = exported(_Step(cell), (first, cell.project(x)[0].clone()), shapes)
        walked = [self.fresh("state") for _ in state] + [self.fresh("output")]
        self.nodes.append(
            self.onnx.helper.make_node(
                "Scan",
                [*state, u],
                walked,
                body=self.onnx.compose.add_prefix_graph(body.graph, f"{self.fresh('step')}_"),
                num_scan_inputs=1,
                scan_input_directions=[int(backward)],
                scan_output_directions=[int(backward)],
            )
        )
        return walked[-1]

    def embedded(self, part: Any, data: str) -> list[str]:
        """Add the operators of an exported graph of one input; return the names of its outputs."""
        graph = self.onnx.compose.add_prefix_graph(part.graph, f"{self.fresh('part')}_")
        self.node("Identity", [data], graph.input[0].name)
        self.nodes.extend(graph.node)
        self.constants.extend(graph.initializer)
        return [output.name for output in graph.output]

    def concatenated(self, parts: list[str]) -> str:
        """Put the directions side by side."""
        return parts[0] if len(parts) == 1 else self.node("Concat", parts, axis=-1)

    def last(self, data: str, widths: list[int]) -> str:
        """Return each direction's last step: the end of the sequence for the first, its beginning for the second."""
        ends = [self.node("Gather", [data, self.constant(torch.tensor(at))], axis=0) for at in (-1, 0)]
        if len(widths) == 1:
            return ends[0]
        edges = ((0, widths[0]), (widths[0], sum(widths)))
        cut = []
        for end, (low, high) in zip(ends, edges, strict=True):
            limits = [self.constant(torch.tensor([value])) for value in (low, high, -1)]
            cut.append(self.node("Slice", [end, *limits]))
        return self.concatenated(cut)

    def finished(self, input_size: int, output_size: int, *, every: bool) -> Any:
        """Return the model, checked by onnx."""
        helper = self.onnx.helper
        kind = helper.np_dtype_to_tensor_dtype(torch.empty(0, dtype=self.dtype).numpy().dtype)
        given = helper.make_tensor_value_info(INPUT, kind, ["time", "batch", input_size])
        shape = ["time", "batch", output_size] if every else ["batch", output_size]
        answer = helper.make_tensor_value_info(ANSWER, kind, shape)
        graph = helper.make_graph(self.nodes, "rnnzoo", [given], [answer], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        model.producer_name = "rnnzoo"
        self.onnx.checker.check_model(model, full_check=True)
        return model


def exported(module: nn.Module, arguments: tuple[Any, ...], shapes: dict[str, Any]) -> Any:
    """Return a module as PyTorch's exporter writes it down.

    Raises:
        NotExportable: it cannot.
    """
    inliner = needed("onnx.inliner", "onnx")
    try:
        program = torch.onnx.export(
            module.eval(),
            arguments,
            dynamo=True,
            dynamic_shapes=shapes,
            opset_version=OPSET,
            optimize=True,
            verbose=False,
        )
    except Exception as error:
        first = str(error).strip().split("\n", 1)[0]
        raise NotExportable(f"onnx: PyTorch cannot export this cell: {type(error).__name__}: {first}") from error
    assert program is not None
    return inliner.inline_local_functions(program.model_proto)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter from telling what it does: of all it says, only errors are the user's."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnx_ir", "onnxscript")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
