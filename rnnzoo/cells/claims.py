"""What a paper claims of its cell: structure that a generic test can measure, and bounds with their conditions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Claims:
    """Structural properties of a cell, each measured for every cell that declares it.

    Attributes:
        orthogonal: the recurrent matrix `recurrent_weights()["W"]` is orthogonal.
        unitary: it is the real 2H × 2H form of a unitary matrix.
        singular_values: the interval that holds all of its singular values, if the cell confines them.
        invertible: the cell has `inverse_step(u, state, w)`, which gives back the state before the step.
        elementwise: unit i of the new state depends on unit i of the old state alone.
        linear: the new state is affine in the old one.
        gradient: what the paper says of the gradient, and where, if it promises one that neither vanishes nor explodes;
            a clause after "its paper says that". A report sets it beside the measurement.
    """

    orthogonal: bool = False
    unitary: bool = False
    singular_values: tuple[float, float] | None = None
    invertible: bool = False
    elementwise: bool = False
    linear: bool = False
    gradient: str = ""


@dataclass(frozen=True)
class Condition:
    """One hypothesis of a bound, evaluated for a given cell.

    Attributes:
        text: the hypothesis in the paper's symbols, e.g. "gamma·dt < epsilon".
        holds: whether the cell at hand meets it.
        values: the numbers that decide it, e.g. {"gamma·dt": 0.03, "epsilon": 8.0}.
    """

    text: str
    holds: bool
    values: dict[str, float]


@dataclass(frozen=True)
class Bound:
    """A bound, with the hypotheses under which it is proven.

    Attributes:
        quantity: what is bounded, e.g. "gamma·|y_n|² + |z_n|²".
        value: the bound; infinite where a hypothesis fails in a way that leaves no number.
        conditions: the hypotheses; the bound says nothing unless all of them hold.
        source: where it comes from, and whether it was derived here or checked numerically.
        lower: whether the quantity is at least `value`; else it is at most that.
    """

    quantity: str
    value: float
    conditions: tuple[Condition, ...]
    source: str
    lower: bool = False

    @property
    def applies(self) -> bool:
        """Whether every hypothesis holds for the given cell."""
        return all(condition.holds for condition in self.conditions)

    def reason(self) -> str:
        """Say why the bound applies or does not, with the numbers."""
        failed = [c for c in self.conditions if not c.holds]
        shown = failed or list(self.conditions)
        verdict = "does not apply" if failed else "applies"
        numbers = [", ".join(f"{name} = {value:.3g}" for name, value in c.values.items()) for c in shown]
        texts = [f"{c.text} ({n})" if n else c.text for c, n in zip(shown, numbers, strict=True)]
        return f"{verdict}: {'; '.join(texts) or 'no condition'}"
