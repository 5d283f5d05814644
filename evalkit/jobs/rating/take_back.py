"""`evalkit rate import FILE… --run RUN`: ratings checked, kept, unblinded and added to the run's report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, to_builtins

from evalkit.errors import ExecutionError, UsageError
from evalkit.jobs.rating.rate import KEY, earlier_key
from evalkit.jobs.recorded import FinishedRun, find_run
from evalkit.jobs.render import render_again
from evalkit.report.rating.batch import SIDES, Key
from evalkit.report.rating.exports import Export, Rating, read_export
from evalkit.report.rating.findings import human_block, labels
from evalkit.report.rating.label_studio import read_label_studio
from evalkit.report.rating.votes import BASELINE, CANDIDATE, SAME, unblinded
from evalkit.report.read import number, obj, text
from evalkit.store.files import write_atomic

LABELS = "human_labels.jsonl"
MAX_FILE_BYTES = 64 << 20
"""A page of thousands of pairs downloads as a few megabytes."""
RENDERED = ("html", "junit", "markdown")


class Imported(Struct, frozen=True, kw_only=True):
    """The `human` block as it now stands in verdict.json, and the files that were written."""

    document: Mapping[str, Any]
    written: tuple[Path, ...]


def import_ratings(files: Sequence[Path], name: str, out: Path, *, is_replacing: bool = False) -> Imported:
    """Adds what raters sent to what was imported before; the same files again change nothing.

    Writes the ratings, human_labels.jsonl, and verdict.json with its renderings; the verdict stays as it is. Raises
    UsageError, before anything is written, for files of another page, edited ones, and two files of one rater that
    contradict each other.
    """
    run = find_run(name, out)
    key = _key(run)
    kept_as = run.folder / f"ratings-{key.batch[:8]}.jsonl"
    exports = _merged(kept_as, [e for path in files for e in _read(path, key)], is_replacing=is_replacing)
    votes = unblinded(key, exports.values())
    leaning = _leaning(run, key.metric, {vote.showing.sample for vote in votes})
    document = run.document | {"human": human_block(key, votes, leaning)}
    write_atomic(kept_as, _lines(_rows(exports.values())), is_private=True)
    write_atomic(run.folder / LABELS, _lines(labels(key, votes)))
    write_atomic(run.folder / "verdict.json", (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
    written = render_again(str(run.folder), out, RENDERED)
    return Imported(document=document["human"], written=(run.folder / LABELS, run.folder / "verdict.json", *written))


def _key(run: FinishedRun) -> Key:
    key = earlier_key(run)
    if key is None:
        raise UsageError(
            f"{run.folder / KEY} is missing, and only it says which side was whose\n"
            "  help: name the run the page was made of, or put its key back"
        )
    if key.run != text(run.document, "run"):
        raise UsageError(f"{run.folder / KEY} belongs to the run {key.run}, not to this one")
    return key


def _read(path: Path, key: Key) -> Iterable[Export]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UsageError(f"{path} is larger than any page's download ({MAX_FILE_BYTES >> 20} MiB at most)")
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    is_array = raw[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    found = read_label_studio(raw, str(path)) if is_array else (read_export(raw, str(path)),)
    ratings = sum(len(export.ratings) for export in found)
    for export in found:
        if export.batch != key.batch:
            raise UsageError(
                f"{path} was rated on another page: its batch is {export.batch[:8]}, this run's is {key.batch[:8]}\n"
                "  help: name the run it belongs to with --run"
            )
    if not ratings:
        raise UsageError(f"{path} holds no rating: it was saved before the first choice")
    return found


def _merged(kept_as: Path, new: Iterable[Export], *, is_replacing: bool) -> dict[str, Export]:
    """The exports by rater: those kept from before, brought up to date by the new ones."""
    merged = {export.name: export for export in _kept(kept_as)}
    for export in new:
        known = merged.get(export.name)
        if known is None or is_replacing or _goes_on(export, known):
            merged[export.name] = export
        elif not _goes_on(known, export):
            raise UsageError(_told_apart(known, export))
    return merged


def _goes_on(export: Export, earlier: Export) -> bool:
    if export.chains or earlier.chains:
        return export.goes_on_from(earlier)
    return set(earlier.ratings) <= set(export.ratings)


def _told_apart(known: Export, export: Export) -> str:
    if known.browser == export.browser:
        told = "and the earlier ratings in it differ: some were taken back after the first file was saved"
    else:
        told = "made in another browser: two people of one name, or one person who began twice"
    return (
        f"there are two different files from the rater {export.rater!r}, {told}\n"
        "  help: two people: one of them opens the page again and saves under a fuller name; one person: import the "
        "right file with --replace"
    )


def _rows(exports: Iterable[Export]) -> Iterable[Mapping[str, Any]]:
    """The ratings as they are kept: still blind, one line each."""
    for export in exports:
        chains = export.chains or ("",) * len(export.ratings)
        for rating, chain in zip(export.ratings, chains, strict=True):
            head = {"batch": export.batch, "rater": export.rater, "browser": export.browser}
            yield head | to_builtins(rating) | {"chain": chain}


def _kept(path: Path) -> list[Export]:
    if not path.exists():
        return []
    found: dict[str, list[dict[str, Any]]] = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found.setdefault(row["rater"], []).append(row)
        return [_export(rows) for rows in found.values()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExecutionError(
            f"{path} is damaged: {error}\n  help: move it away and import every rater's file again"
        ) from error


def _export(rows: Sequence[Mapping[str, Any]]) -> Export:
    fields = ("item", "choice", "seconds", "note")
    return Export(
        rater=rows[0]["rater"],
        batch=rows[0]["batch"],
        browser=rows[0]["browser"],
        ratings=tuple(Rating(**{name: row[name] for name in fields}) for row in rows),
        chains=tuple(row["chain"] for row in rows if row["chain"]),
    )


def _leaning(run: FinishedRun, metric: str, rated: set[str]) -> dict[str, str]:
    """Which side the metric prefers on each rated sample that it scored on both."""
    found = {}
    for row in run.rows():
        scores = obj(obj(row, "scores"), metric)
        baseline, candidate = (number(scores, side) for side in SIDES)
        if text(row, "id") in rated and baseline is not None and candidate is not None:
            gap = candidate - baseline
            found[text(row, "id")] = CANDIDATE if gap > 0 else BASELINE if gap < 0 else SAME
    return found


def _lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=True) + "\n" for row in rows).encode("ascii")
