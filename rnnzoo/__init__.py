"""rnnzoo: which recurrent network, and why? Cells behind one interface, fair studies, generated reports."""

from rnnzoo.cells import CELLS, Cell
from rnnzoo.engine import ENGINES, unroll
from rnnzoo.export.model import load_model
from rnnzoo.recurrent import Recurrent
from rnnzoo.tasks import TASKS

__version__ = "0.1.0"

__all__ = ["CELLS", "ENGINES", "TASKS", "Cell", "Recurrent", "__version__", "load_model", "unroll"]
