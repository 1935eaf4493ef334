"""A speed study so small that it takes seconds, written to a file."""

TINY = """
name = "tiny-speed"
kind = "speed"
question = "How fast?"
repetitions = 2
at_most = 1.0
threads = 1

[[target]]
cells = ["rnn", "unicornn"]
shape = [6, 2, 3]
against = "reference"
at_least = 1e-6

[[target]]
cells = ["rnn"]
shape = [6, 2, 3]
against = "floor"
at_least = 1e9

[[sweep]]
over = "steps"
values = [4, 6]
shape = [6, 2, 3]
cells = ["rnn", "unicornn"]

[[length]]
cell = "rnn"
steps = [2, 8]
batch = 2
hidden = 3

[[memory]]
cell = "unicornn"
steps = [4, 64]
batch = 2
hidden = 3
"""


def write_speed_study(folder, text=TINY):
    path = folder / "tiny.toml"
    path.write_text(text)
    return path
