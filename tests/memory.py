"""How much memory something takes, whatever ran in this process before it."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re
import resource
from collections.abc import Iterator
from pathlib import Path

STATUS, FORGET_PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Grown:
    """The most memory taken at once beyond what was taken at the start, once the block has ended."""

    mb = 0.0


@contextlib.contextmanager
def growth() -> Iterator[Grown]:
    """What the block adds to the process's peak: the peak of an earlier test does not hide it.

    Linux forgets the peak on request (proc(5), clear_refs). Where that may not be asked for, an earlier peak hides
    what stays below it.
    """
    grown = Grown()
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # what earlier tests freed would be taken again unseen
    try:
        FORGET_PEAK.write_text("5")
        before = kilobytes("VmRSS")
    except OSError:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield grown
    peak = kilobytes("VmHWM") if STATUS.exists() else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown.mb = (peak - before) / 1024


def kilobytes(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", STATUS.read_text())
    if found is None:
        raise OSError(f"{STATUS} does not say {name}")
    return int(found[1])
