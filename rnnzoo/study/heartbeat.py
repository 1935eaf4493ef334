"""A run's heartbeat: a small file in its folder that says how far it is and, by its age, that it is alive.

It is all that is known of a run from another machine, so it is written while a long evaluation goes on, too.
"""

import json
import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from rnnzoo.files import write_text

HEARTBEAT = "progress.json"
BEAT_SECONDS = 3.0
ALIVE_SECONDS = 60.0
"""A run whose last beat is older is not at work any more; clocks of machines may differ by some seconds."""


@dataclass(frozen=True)
class Beat:
    """What a heartbeat says.

    Attributes:
        first: step after which this try began: 0, or that of a checkpoint.
        step: steps done.
        steps: steps that the run has in all.
        host: the machine.
        process: its process there.
        time: seconds since 1970, by the machine's clock.
    """

    first: int
    step: int
    steps: int
    host: str
    process: int
    time: float

    def alive(self, now: float) -> bool:
        """Whether the run is at work."""
        return now - self.time < ALIVE_SECONDS


class Heartbeat:
    """Beats in the folder of a run while the block lasts, and takes the file away at its end.

    Args:
        folder: of the run, while it is at work.
        steps: that the run has in all.
    """

    def __init__(self, folder: Path, steps: int) -> None:
        self.path = folder / HEARTBEAT
        self.steps = steps
        self.first: int | None = None
        self.step = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._beat, daemon=True)

    def stepped(self, step: int) -> None:
        """Note the steps done."""
        if self.first is None:
            self.first = step - 1
        self.step = step

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _beat(self) -> None:
        host, process = socket.gethostname(), os.getpid()
        while True:
            beat = Beat(self.first or 0, self.step, self.steps, host, process, time.time())
            with suppress(OSError):  # a full disk is the run's to tell
                write_text(self.path, json.dumps(asdict(beat)) + "\n")
            if self.ended.wait(BEAT_SECONDS):
                return


def read_beat(folder: Path) -> Beat | None:
    """Return the last beat of a run, or None where there is none that can be read."""
    try:
        beat = Beat(**json.loads((folder / HEARTBEAT).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    return beat if all(isinstance(value, int | float) for name, value in vars(beat).items() if name != "host") else None
