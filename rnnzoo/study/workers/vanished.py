"""Runs whose worker vanished: begun again from their checkpoint, until they no longer get any further.

A worker vanishes without a word when its machine is lost, when a batch system's time is over, or when the system ends
it because memory ran out. Only the last is the run's own doing: it then vanishes from the same checkpoint again and
again, while a run that is merely unlucky starts further on each time. So tries are counted a checkpoint.
"""

from dataclasses import dataclass
from pathlib import Path

from rnnzoo.configuration import RunConfig
from rnnzoo.records import RECORD, RunRecord, environment, run_folder, write_json

TRIES = 3
"""A run that vanished so many times from the same checkpoint is given up."""


@dataclass
class Tries:
    """The tries of one run.

    Attributes:
        config: of the run.
        began_at: first step that the present try told of, or None before it told of any.
        furthest: the highest `began_at` of the tries before.
        vanished: how many tries vanished since `furthest`.
    """

    config: RunConfig
    began_at: int | None = None
    furthest: int = 0
    vanished: int = 0

    def stepped(self, step: int) -> None:
        """Note the steps that the present try has done."""
        if self.began_at is None:
            self.began_at = step

    def again(self, times: int = 1) -> bool:
        """Count so many vanishings, of which the first began at the step told; return whether to try once more."""
        began_at = self.began_at or 0
        self.vanished = 1 if began_at > self.furthest else self.vanished + times
        self.furthest = max(self.furthest, began_at)
        self.began_at = None
        return self.vanished < TRIES


def give_up(config: RunConfig, root: Path) -> RunRecord:
    """Write and return the record of a run that vanished too often; its checkpoint stays for when it is tried again."""
    record = RunRecord(
        config=config,
        state="failed",
        reason=f"the worker vanished {TRIES} times from the same checkpoint (killed, or out of memory)",
        parameters=0,
        engine=config.engine,
        steps=0,
        seconds=0.0,
        environment=environment(),
    )
    folder = run_folder(root, config)
    folder.mkdir(exist_ok=True)
    write_json(folder / RECORD, record.model_dump(mode="json"))
    return record
