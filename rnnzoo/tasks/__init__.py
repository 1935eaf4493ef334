"""The tasks by name."""

from rnnzoo.tasks.adding import Adding
from rnnzoo.tasks.base import Batch, Metric, Task
from rnnzoo.tasks.copy import Copy
from rnnzoo.tasks.padded_digits import PaddedDigits
from rnnzoo.tasks.psmnist import PSMNIST
from rnnzoo.tasks.smnist import SMNIST

TASKS: dict[str, type[Task]] = {
    "adding": Adding,
    "copy": Copy,
    "padded_digits": PaddedDigits,
    "smnist": SMNIST,
    "psmnist": PSMNIST,
}
"""Name → task; `TASKS[name](**options)` makes one."""

__all__ = ["TASKS", "Batch", "Metric", "Task"]
