"""From options to the rule that they describe."""

from rnnzoo.learning.base import LearningRule
from rnnzoo.learning.bptt import BPTT
from rnnzoo.learning.dfa import DFA
from rnnzoo.learning.options import FeedbackOptions, LearningOptions, ReadoutOptions, TruncatedOptions
from rnnzoo.learning.readout import ReadoutOnly
from rnnzoo.learning.tbptt import TBPTT
from rnnzoo.model import SequenceModel
from rnnzoo.tasks.base import Task


def make_rule(options: LearningOptions, model: SequenceModel, task: Task, seed: int) -> LearningRule:
    """Return the rule by which a model learns a task; `seed` draws its feedback."""
    match options:
        case TruncatedOptions():
            return TBPTT(model, task, options.window)
        case FeedbackOptions():
            return DFA(model, task, options, seed)
        case ReadoutOptions():
            return ReadoutOnly(model, task)
        case _:
            return BPTT(model, task)
