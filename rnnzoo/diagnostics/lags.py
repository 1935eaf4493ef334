"""How much of a weight's gradient comes from each time step: ∂L/∂W = Σ_t G_t, G_t through the use of W at step t."""

import pandas as pd
import torch
from torch import Tensor

from rnnzoo.cells.base import State
from rnnzoo.diagnostics.adjoints import CHUNK, Passage, passages
from rnnzoo.model import SequenceModel
from rnnzoo.tasks.base import Batch, Task

INPUT = "u"
"""Name under which the projection of the input stands beside the recurrent weights."""


def parameter_gradients(model: SequenceModel, task: Task, batch: Batch) -> pd.DataFrame:
    """Return ‖G_t‖ and the share of G_t in G = Σ_t G_t for every recurrent weight of every cell of a model.

    Step t uses W in s_t = step(u_t, s_{t−1}, w); with the loss's gradient at s_t, G_t is what this one use adds to
    ∂L/∂W. W is a tensor of `cell.recurrent_weights()`, in the form in which `step` uses it. Beside them stands "u":
    G_t is then ∂L/∂u_t, the gradient at the projected input of step t, and G all of them side by side.

    Args:
        model: any model, measured without dropout.
        task: gives the loss, a mean over the batch.
        batch: sequences of one length.

    Returns:
        one row for each layer, direction ("forward" or "backward"), weight and t (from 1, the step of the sequence that
        is read): norm, ‖G_t‖ in the Frobenius norm, and share, ⟨G_t, G⟩/‖G‖², which adds up to 1 over t and is
        negative where a step pulls against the sum; NaN where G = 0.

    Raises:
        ValueError: sequences differ in length.
    """
    if batch.lengths is not None and int(batch.lengths.min()) < len(batch.x):
        raise ValueError(
            f"parameter_gradients: batch must hold sequences of one length, got {int(batch.lengths.min())} to "
            f"{len(batch.x)} steps; give those of one length"
        )
    frames: list[pd.DataFrame] = []
    for passage in passages(model, task, batch):
        direction = ("forward", "backward")[passage.direction]
        for weight, (norms, shares) in split_by_step(passage).items():
            frame = pd.DataFrame(
                {"layer": passage.layer, "direction": direction, "weight": weight}, index=range(len(norms))
            )
            frame["t"] = passage.times[:, 0].numpy() + 1
            frame["norm"], frame["share"] = norms.numpy(), shares.numpy()
            frames.append(frame.sort_values("t"))
    return pd.concat(frames, ignore_index=True)


def split_by_step(passage: Passage) -> dict[str, tuple[Tensor, Tensor]]:
    """Return ‖G_t‖ (time,) and the shares ⟨G_t, G⟩/‖G‖² (time,) for "u" and every recurrent weight.

    In float64, so that squares of small gradients do not vanish; the trajectory stays that of the passage.
    """
    steps = len(passage.u)
    norms = {name: torch.zeros(steps, dtype=torch.float64) for name in passage.w}
    totals = {name: torch.zeros_like(value, dtype=torch.float64) for name, value in passage.w.items()}
    at_u = torch.zeros(steps, dtype=torch.float64)
    for t in range(steps):
        used = _Use(passage, t, t + 1)
        u_gradient, *at_weights = used.gradients(used.adjoint)
        at_u[t] = u_gradient.square().sum()
        for name, gradient in zip(passage.w, at_weights, strict=True):
            norms[name][t] = torch.linalg.vector_norm(gradient)
            totals[name] += gradient
    found: dict[str, tuple[Tensor, Tensor]] = {INPUT: (at_u.sqrt(), at_u / at_u.sum())}
    starts = range(0, steps, CHUNK)
    uses = [_Use(passage, start, min(start + CHUNK, steps)) for start in starts]
    for place, (name, total) in enumerate(totals.items()):
        inner = torch.cat([used.inner_products(place, total) for used in uses])
        found[name] = norms[name], inner / total.square().sum().cpu()
    return found


class _Use:
    """What steps start … stop − 1 of a passage make of the weights, all rows side by side: steps keep rows apart."""

    def __init__(self, passage: Passage, start: int, stop: int) -> None:
        self.passage = passage
        self.steps = stop - start
        self.u = passage.u[start:stop].flatten(0, 1).double()
        self.state = tuple(part[start:stop].flatten(0, 1).double() for part in passage.states)
        self.adjoint = tuple(part[start:stop].flatten(0, 1).double() for part in passage.adjoints)

    def gradients(self, adjoint: State, *, create_graph: bool = False) -> tuple[Tensor, ...]:
        """Return the gradients at u and at each weight for this gradient at the states after the steps."""
        u = self.u.detach().requires_grad_()
        w = {name: value.double().requires_grad_() for name, value in self.passage.w.items()}
        with torch.enable_grad():
            after = self.passage.cell.step(u, self.state, w)
            return torch.autograd.grad(
                after, [u, *w.values()], adjoint, create_graph=create_graph, allow_unused=True, materialize_grads=True
            )

    def inner_products(self, place: int, total: Tensor) -> Tensor:
        """Return ⟨G_t, G⟩ (steps,) for the weight at this place.

        f(v) = ⟨gradient at W for v, G⟩ is linear in v, so that its derivative tells what each row adds.
        """
        with torch.enable_grad():
            v = tuple(part.detach().requires_grad_() for part in self.adjoint)
            gradient = self.gradients(v, create_graph=True)[1 + place]
            if not gradient.requires_grad:
                return torch.zeros(self.steps, dtype=torch.float64)
            slopes = torch.autograd.grad((gradient * total).sum(), v, allow_unused=True, materialize_grads=True)
        rows = (torch.cat(self.adjoint, 1) * torch.cat(slopes, 1)).sum(1)
        return rows.view(self.steps, -1).sum(1).detach().cpu()
