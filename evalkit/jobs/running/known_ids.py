"""Recorded answers to samples that the suite does not have: found in every file at once, before anything is decided."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from evalkit.backends.outputs import recorded_ids
from evalkit.errors import Diagnostic, UsageError
from evalkit.types import Suite

_SHOWN = 3


def refuse_unknown_ids(files: Mapping[str, Path], suites: Sequence[Suite]) -> None:
    """Raises UsageError over every file of recorded answers that cannot be read or names a sample of no suite.

    `files` are the files by the name the user knows them by.
    """
    known = {sample.id: suite.name for suite in suites for sample in suite.samples}
    found = [one for shown, path in files.items() for one in _mistakes(shown, path, known)]
    if found:
        raise UsageError(diagnostics=tuple(found))


def _mistakes(shown: str, path: Path, known: Mapping[str, str]) -> Iterator[Diagnostic]:
    try:
        unknown = [name for name in recorded_ids(path) if name not in known]
    except UsageError as error:
        yield from error.diagnostics
        return
    if not unknown:
        return
    near = difflib.get_close_matches(unknown[0][:100], known, n=1)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    named = f"{unknown[0][:100]!r}{meant}{''.join(f', {name[:100]!r}' for name in unknown[1:_SHOWN])}"
    more = f" and {len(unknown) - _SHOWN:,} more" if len(unknown) > _SHOWN else ""
    names = " or ".join(dict.fromkeys(known.values()))
    yield Diagnostic(
        message=f"{named}{more}: no sample of {names} is called that",
        path=shown,
        help="a row's `id` is the `id` of its sample; leave out answers to other samples",
    )
