"""The one training loop: batches, gradients, steps, a learning curve, and an honest end.

A loop ends as "finished" or as "diverged", with the step and the reason; divergence is a result, not an error.
`Training` holds all that the loop changes and can be saved and loaded, so that a killed run goes on where it was and
ends in the same numbers.
"""

import copy
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from rnnzoo.cells.base import Penalised
from rnnzoo.configuration import RunConfig, TrainingOptions
from rnnzoo.learning.alignment import SEQUENCES, Row, alignment
from rnnzoo.learning.base import LearningRule
from rnnzoo.learning.bptt import BPTT
from rnnzoo.learning.choosing import make_rule
from rnnzoo.model import SequenceModel
from rnnzoo.optimiser import Update, make_optimizer
from rnnzoo.randomness import random_states, restore
from rnnzoo.tasks.base import Batch, Split, Task
from rnnzoo.tasks.kept import Batches

DIVERGED_LOSS_FACTOR = 1e6
"""A loss this many times the memoryless baseline's counts as divergence before it overflows."""

Progress = Callable[[int], None]
"""Called with the number of steps done."""


class Training:
    """A model on its way through training.

    Args:
        model: the model, already on its device.
        task: where batches come from.
        options: how it is trained.
        seed: of the training batches.
        rule: how errors become gradients; backpropagation by default.
        watch_alignment: whether the angle between the rule's gradient and the true one is measured before the first
            step and at every evaluation; backpropagation's own is never.
        batches: the training batches; made by the task where they are left out.

    Attributes:
        step: optimiser steps done.
        seconds: time spent in training steps over all sessions; evaluations and the making of batches, of which some
            runs find theirs made, are left out.
        curve: one row an evaluation: step, seconds, train_loss (mean since the last row), valid, grad_norm (mean over
            the steps since), clipped (share of steps whose gradient was clipped), lr.
        best: validation score, step and parameters of the best evaluation so far, or None.
        diverged: the reason of a divergence, or None.
        stopped_at: the step of the divergence, or None.
        alignment: rows of `rnnzoo.learning.alignment`, if they are measured.
    """

    def __init__(
        self,
        model: SequenceModel,
        task: Task,
        options: TrainingOptions,
        seed: int,
        rule: LearningRule | None = None,
        *,
        watch_alignment: bool = False,
        batches: Batches | None = None,
    ) -> None:
        self.model = model
        self.rule = BPTT(model, task) if rule is None else rule
        self.watch_alignment = watch_alignment and not isinstance(self.rule, BPTT)
        self.alignment: list[Row] = []
        self.task = task
        self.options = options
        self.batches = partial(task.train_batch, seed, batch_size=options.batch_size) if batches is None else batches
        self.parameters = list(model.parameters())
        self.like = self.parameters[0]
        self.baseline_loss = task.baseline_loss  # some tasks compute it anew each time
        self.penalised = penalised(model)
        self.optimizer = make_optimizer(model, options)
        self.update = Update(self.optimizer)
        self.schedule = torch.optim.lr_scheduler.MultiStepLR(
            self.optimizer, list(options.milestones), gamma=options.milestone_factor
        )
        self._readout_group = next(
            index
            for index, group in enumerate(self.optimizer.param_groups)
            if any(p is model.linear.weight for p in group["params"])
        )
        self.step = 0
        self.seconds = 0.0
        self.curve: list[dict[str, float]] = []
        self.best: dict[str, Any] | None = None
        self.diverged: str | None = None
        self.stopped_at: int | None = None
        self._since = _SinceEvaluation()

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do: all steps done, diverged, on target, out of time or out of patience."""
        return self.diverged is not None or self._last_step() or self._on_target() or self._out_of_patience()

    def advance(self, progress: Progress | None = None, *, until: Callable[[], bool] = lambda: False) -> None:
        """Train until the end, or until `until()` is true after a step."""
        if self.step == 0:
            self._align()
        if self.options.max_seconds is not None and not self.ended:
            self._warm_up()
        while not self.ended:
            self.train_step()
            due = self.step % self.options.evaluate_every == 0 or self._last_step()
            if self.diverged is None and due:
                self._evaluate()
            if progress is not None:
                progress(self.step)
            if until():
                return

    def restore_best(self) -> None:
        """Load the parameters of the best evaluation into the model.

        Raises:
            RuntimeError: there was no evaluation yet.
        """
        if self.best is None:
            raise RuntimeError("there is no evaluated model to restore: the run diverged before its first evaluation")
        self.model.load_state_dict(self.best["parameters"])

    def state_dict(self) -> dict[str, Any]:
        """Return all that the loop changes, as plain values and tensors that load with `weights_only=True`."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": random_states(),
            "step": self.step,
            "seconds": self.seconds,
            "curve": self.curve,
            "best": self.best,
            "diverged": self.diverged,
            "stopped_at": self.stopped_at,
            "since": vars(self._since),
            "feedback": self.rule.feedback,
            "alignment": self.alignment,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        if "random" in state:
            restore(state["random"])
        else:  # a checkpoint of version 0.1.0 before its release
            torch.set_rng_state(state["generator"])
        self.step = state["step"]
        self.seconds = state["seconds"]
        self.curve = state["curve"]
        self.best = state["best"]
        self.diverged = state["diverged"]
        self.stopped_at = state["stopped_at"]
        self._since = _SinceEvaluation(**state["since"])
        self.rule.load_feedback(state.get("feedback", {}))
        self.alignment = state.get("alignment", [])

    def train_step(self) -> None:
        """Take one optimiser step, or find that training has diverged."""
        if not self.model.training:
            self.model.train()
        batch = self.batches(self.step)
        began = time.perf_counter()
        self._learn(placed(batch, self.like))
        self.seconds += time.perf_counter() - began

    def _learn(self, batch: Batch) -> None:
        if self.step in self.options.restarts:
            self.optimizer.state.clear()  # every optimiser of ours makes its state anew where it finds none
        self._forget_gradients()
        task_loss = self.rule.backward(batch, self.step, penalty(self.penalised) if self.penalised else None)
        norm, clipped = clip(self.parameters, self.options)
        self.step += 1
        self.diverged = divergence(task_loss.item(), norm, self.baseline_loss)
        if self.diverged is not None:
            self.stopped_at = self.step
            return
        self.update()
        if self.options.milestones:
            self.schedule.step()
        self._since.add(task_loss.item(), norm, clipped)

    def _align(self) -> None:
        if self.watch_alignment:
            batch = placed(next(iter(self.task.held_out("valid", SEQUENCES))), self.like)
            self.alignment += alignment(self.rule, batch, self.step)

    def _evaluate(self) -> None:
        self._align()
        scores = evaluate(self.model, self.task, "valid", self.options.evaluation_batch)
        valid = scores["score"]
        if not math.isfinite(valid):
            self.diverged, self.stopped_at = f"validation score is {valid}", self.step
            return
        lr = float(self.schedule.get_last_lr()[self._readout_group])
        row = {"step": float(self.step), "seconds": self.seconds, "valid": valid, "lr": lr}
        self.curve.append(row | self._since.means())
        self._since = _SinceEvaluation()
        if self.best is None or self.task.metric.better(valid, self.best["valid"]):
            parameters = copy.deepcopy(self.model.state_dict())
            self.best = {"valid": valid, "step": self.step, "parameters": parameters}

    def _last_step(self) -> bool:
        out_of_time = self.options.max_seconds is not None and self.seconds >= self.options.max_seconds
        return self.step >= self.options.steps or out_of_time

    def _warm_up(self) -> None:
        """Go once forward and back, so that a budget of time pays for training and not for compiling a kernel."""
        drawn = torch.get_rng_state()
        self.model.train()
        self.rule.backward(placed(self.batches(self.step), self.like), self.step)
        self._forget_gradients()
        torch.set_rng_state(drawn)

    def _forget_gradients(self) -> None:
        # what `zero_grad` does, without what it tells profilers, which takes many times as long
        for parameter in self.parameters:
            parameter.grad = None

    def _on_target(self) -> bool:
        if self.options.target is None or self.best is None:
            return False
        return not self.task.metric.better(self.options.target, self.best["valid"])

    def _out_of_patience(self) -> bool:
        if self.options.patience is None or self.best is None:
            return False
        return bool(self.step - self.best["step"] >= self.options.patience * self.options.evaluate_every)


def make_training(config: RunConfig, model: SequenceModel, task: Task, batches: Batches | None = None) -> Training:
    """Return the training of a run that begins with this model."""
    rule, watch = make_rule(config.learning, model, task, config.seed), "alignment" in config.diagnostics
    return Training(model, task, config.training, config.seed, rule, watch_alignment=watch, batches=batches)


class _SinceEvaluation:
    """Sums over the training steps since the last evaluation."""

    def __init__(self, steps: int = 0, loss: float = 0.0, norm: float = 0.0, clipped: int = 0) -> None:
        self.steps = steps
        self.loss = loss
        self.norm = norm
        self.clipped = clipped

    def add(self, loss: float, norm: float, clipped: bool) -> None:
        self.steps += 1
        self.loss += loss
        self.norm += norm
        self.clipped += clipped

    def means(self) -> dict[str, float]:
        n = max(self.steps, 1)
        return {"train_loss": self.loss / n, "grad_norm": self.norm / n, "clipped": self.clipped / n}


def clip(parameters: Sequence[nn.Parameter], options: TrainingOptions) -> tuple[float, bool]:
    """Clip the gradients as the options say; return their global norm before, and whether clipping changed any."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    total = total_norm(gradients)
    norm = total.item()
    clipped = options.clip_norm is not None and norm > options.clip_norm
    if options.clip_value is not None:
        largest = torch.nn.utils.get_total_norm(gradients, norm_type=math.inf)
        clipped = clipped or largest.item() > options.clip_value
        torch.nn.utils.clip_grad_value_(parameters, options.clip_value)
    # PyTorch divides by norm + 1e-6: further below the limit it would multiply every gradient by 1
    if options.clip_norm is not None and not norm < options.clip_norm - 1e-5 * max(1.0, options.clip_norm):
        _scale(parameters, options.clip_norm, total)
    return norm, clipped


def _scale(parameters: Sequence[nn.Parameter], limit: float, total: Tensor) -> None:
    """Do what `torch.nn.utils.clip_grads_with_norm_` does; on the CPU, bit for bit, in half its time."""
    if not all(parameter.is_cpu for parameter in parameters):
        torch.nn.utils.clip_grads_with_norm_(parameters, limit, total)
        return
    factor = (limit / (total + 1e-6)).clamp(max=1.0)
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.mul_(factor)


def total_norm(gradients: Sequence[Tensor]) -> Tensor:
    """Return what `torch.nn.utils.get_total_norm` does; on the CPU, bit for bit, in half its time."""
    if gradients and all(gradient.is_cpu for gradient in gradients):
        norms = torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients])
        total: Tensor = torch.linalg.vector_norm(norms)
        return total
    return torch.nn.utils.get_total_norm(gradients)


def divergence(loss: float, norm: float, baseline_loss: float) -> str | None:
    """Return why a step with this loss and gradient norm counts as divergence, or None."""
    if not math.isfinite(loss):
        return f"loss is {loss}"
    if loss > DIVERGED_LOSS_FACTOR * baseline_loss:
        return f"loss is {loss:.3g}, more than {DIVERGED_LOSS_FACTOR:.0e} times the baseline's {baseline_loss:.3g}"
    if not math.isfinite(norm):
        return f"gradient norm is {norm}"
    return None


def penalised(model: nn.Module) -> list[Penalised]:
    """Return the cells of a model that ask for a soft constraint."""
    return [module for module in model.modules() if isinstance(module, Penalised)]


def penalty(cells: list[Penalised]) -> Tensor:
    """Return the sum of the cells' soft constraints; at least one cell."""
    return torch.stack([cell.penalty() for cell in cells]).sum()


def placed(batch: Batch, like: Tensor) -> Batch:
    """Return the batch on the device of `like`, floating-point parts in its dtype."""

    def move(values: Tensor) -> Tensor:
        return values.to(like.device, like.dtype if values.is_floating_point() else None)

    return Batch(move(batch.x), move(batch.target), batch.lengths)


@torch.no_grad()
def evaluate(model: nn.Module, task: Task, split: Split, batch_size: int) -> dict[str, float]:
    """Return the mean of "score" and of the task's extra scores over the sequences of a held-out split."""
    model.eval()
    like = next(model.parameters())
    totals: dict[str, float] = {}
    count = 0
    for batch in (placed(b, like) for b in task.held_out(split, batch_size)):
        answer = model(batch.x, batch.lengths)
        size = batch.x.shape[1]
        scores = {"score": task.score(answer, batch.target), **task.extra_scores(answer, batch.target)}
        for name, value in scores.items():
            totals[name] = totals.get(name, 0.0) + size * value.item()
        count += size
    return {name: total / count for name, total in totals.items()}
