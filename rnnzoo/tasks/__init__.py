"""The tasks by name."""

from rnnzoo.tasks.adding import Adding
from rnnzoo.tasks.base import Batch, Metric, Task
from rnnzoo.tasks.copy import Copy
from rnnzoo.tasks.fashion import Fashion
from rnnzoo.tasks.fitzhugh_nagumo import FitzHughNagumo
from rnnzoo.tasks.har2 import HAR2
from rnnzoo.tasks.imdb import IMDB
from rnnzoo.tasks.noisy_cifar import NoisyCIFAR
from rnnzoo.tasks.padded_digits import PaddedDigits
from rnnzoo.tasks.psmnist import PSMNIST
from rnnzoo.tasks.smnist import SMNIST
from rnnzoo.tasks.text import Text
from rnnzoo.tasks.tser import TSER
from rnnzoo.tasks.uea import UEA

TASKS: dict[str, type[Task]] = {
    "adding": Adding,
    "copy": Copy,
    "padded_digits": PaddedDigits,
    "smnist": SMNIST,
    "psmnist": PSMNIST,
    "fashion": Fashion,
    "noisy_cifar": NoisyCIFAR,
    "fitzhugh_nagumo": FitzHughNagumo,
    "har2": HAR2,
    "uea": UEA,
    "tser": TSER,
    "text": Text,
    "imdb": IMDB,
}
"""Name → task; `TASKS[name](**options)` makes one."""

__all__ = ["TASKS", "Batch", "Metric", "Task"]
