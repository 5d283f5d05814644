"""What is known of a run's batches: those the journal names, and what is still to be put into one."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from evalkit.protocols import BatchBackend
from evalkit.types import ModelSpec, Request


class Record(Struct, kw_only=True):
    """One batch as the journal knows it: `at` is Unix time, `handles` is what it may be called at the vendor's."""

    tag: str
    role: str
    size: int
    at: float
    state: str = "intended"
    """intended: nobody knows whether it was submitted; sent; over: collected, refused or never there."""
    handles: list[str] = field(default_factory=list)
    is_sure: bool = False
    """The vendor itself said that this is its name; else it only looks like the one."""

    @property
    def is_open(self) -> bool:
        """There may still be answers in it."""
        return self.state != "over"


class Lane(Struct, kw_only=True):
    """One side over all suites of the run."""

    backend: BatchBackend
    spec: ModelSpec
    waiting: dict[str, Request] = field(default_factory=dict)
    """Name in a batch → request, of those without an outcome in this run of the program."""
    submitted: dict[str, str] = field(default_factory=dict)
    """Name in a batch → the batch's tag, of those submitted by this run of the program."""

    @property
    def unsent(self) -> list[str]:
        """Names of what is in no batch yet, in order."""
        return [name for name in self.waiting if name not in self.submitted]


def split(lane: Lane) -> Iterator[dict[str, bytes]]:
    """What is in no batch yet, as batches of lines that the vendor takes."""
    batch: dict[str, bytes] = {}
    size = 0
    for name in lane.unsent:
        line = lane.backend.line(name, lane.waiting[name])
        is_full = len(batch) >= lane.backend.max_batch_requests or size + len(line) > lane.backend.max_batch_bytes
        if batch and is_full:
            yield batch
            batch, size = {}, 0
        batch[name] = line
        size += len(line) + 1
    if batch:
        yield batch
