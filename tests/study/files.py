"""Small study files for the tests of studies."""

from pathlib import Path

TINY = """
name = "tiny"
question = "Does it run?"

[budget]
parameters = 300

[search]
trials = 3
steps = 6
seed = 7

[confirm]
seeds = [1, 2]
steps = 8

[training]
batch_size = 4
evaluate_every = 4

[[task]]
name = "adding"
options = { length = 6, held_out_size = 20 }

[[task]]
name = "copy"
options = { length = 2, held_out_size = 20 }

[[cell]]
name = "rnn"

[[cell]]
name = "cornn"
"""


def write_study(folder: Path, text: str = TINY) -> Path:
    """Write a study file and return its path."""
    path = folder / "tiny.toml"
    path.write_text(text)
    return path
