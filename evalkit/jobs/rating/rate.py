"""`evalkit rate RUN`: the blind page for people, and beside the run the key that unblinds it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from evalkit.errors import UsageError
from evalkit.jobs.recorded import FinishedRun, find_run
from evalkit.report.rating import label_studio
from evalkit.report.rating.batch import SIDES, Key, Sheet, read_key, sheet_of
from evalkit.report.rating.draw import Drawn, Seen, draw
from evalkit.report.rating.page import render_page
from evalkit.report.read import Document, number, obj, objects, text
from evalkit.report.text import clip, visible
from evalkit.store.files import write_atomic

KEY, PAGE, TASKS, SET_UP = "rate-key.json", "rate.html", "label-studio-tasks.json", "label-studio.xml"
MAX_RUBRIC_CHARS = 20_000
RUBRIC = (
    "Which of the two answers would you rather have been given?\n\n"
    "1. Is it right, and does it answer the question?\n"
    "2. Is anything missing, or is there anything that should not be there?\n"
    "3. Is it easy to read?\n\n"
    "A longer answer is not a better one."
)


class Asked(Struct, frozen=True, kw_only=True):
    """What the command line asked for."""

    metric: str | None = None
    """The metric whose disagreements are drawn more often; None = the run's primary metric."""
    n: int = 120
    rubric: Path | None = None
    is_for_label_studio: bool = False
    is_anew: bool = False
    """Forget an earlier page of this run."""


class Made(Struct, frozen=True, kw_only=True):
    """What was written, and what raters will see."""

    key: Key
    written: tuple[Path, ...]

    def document(self) -> dict[str, Any]:
        """What `--json` prints; the secret stays in its file."""
        return {
            "schema": "evalkit.rate/1",
            "run": self.key.run,
            "batch": self.key.batch,
            "metric": self.key.metric,
            "samples": sum(stratum.drawn for stratum in self.key.strata),
            "repeats": sum(showing.is_repeat for showing in self.key.showings),
            "alike": self.key.alike,
            "strata": {stratum.name: {"size": stratum.size, "drawn": stratum.drawn} for stratum in self.key.strata},
            "written": [str(path) for path in self.written],
        }


def make_page(name: str, out: Path, asked: Asked) -> Made:
    """Writes rate.html (or Label Studio's two files) and rate-key.json into the run's folder.

    The same request writes the same page again. Raises UsageError where nothing can be compared, and where another
    page of this run is already out, for its ratings could not be read any more.
    """
    if asked.n < 1:
        raise UsageError(f"--n takes a number of samples from 1 on, not {asked.n}")
    run = find_run(name, out)
    rubric = _rubric(asked.rubric)
    metric = _metric(run, asked.metric)
    earlier = None if asked.is_anew else earlier_key(run)
    secret = earlier.secret if earlier else secrets.token_hex(32)
    drawn, alike = _drawn(run, metric, asked.n, bytes.fromhex(secret))
    sheet = sheet_of(rubric, drawn.showings, _texts(run, {showing.sample for showing in drawn.showings}))
    key = Key(
        run=text(run.document, "run"),
        suite=text(run.document, "suite"),
        metric=metric,
        batch=sheet.batch,
        secret=secret,
        n=asked.n,
        alike=alike,
        strata=drawn.strata,
        showings=drawn.showings,
    )
    if earlier is not None and earlier.batch != key.batch:
        raise UsageError(
            f"{run.folder / KEY} belongs to another rating page of this run ({earlier.n} samples, metric "
            f"{earlier.metric}); ratings made on it could not be read any more\n"
            "  help: import them first, then make a new page with --anew; or ask for that page again as before"
        )
    return Made(key=key, written=_write(run.folder, key, sheet, is_for_label_studio=asked.is_for_label_studio))


def earlier_key(run: FinishedRun) -> Key | None:
    """The key of the page that was made of this run, or None where there is none. Raises ExecutionError on damage."""
    path = run.folder / KEY
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    return read_key(document if isinstance(document, dict) else {}, str(path))


def _write(folder: Path, key: Key, sheet: Sheet, *, is_for_label_studio: bool) -> tuple[Path, ...]:
    # The key first: a page without its key would be rated for nothing.
    write_atomic(folder / KEY, (json.dumps(key.as_document(), indent=1) + "\n").encode(), is_private=True)
    if is_for_label_studio:
        files = {TASKS: label_studio.tasks(sheet), SET_UP: label_studio.labelling_config(sheet)}
    else:
        files = {PAGE: render_page(sheet)}
    for name, content in files.items():
        write_atomic(folder / name, content)
    return tuple(folder / name for name in files)


def _rubric(path: Path | None) -> str:
    if path is None:
        return RUBRIC
    try:
        found = path.read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        raise UsageError(f"--rubric {path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise UsageError(f"--rubric {path} is no text in UTF-8") from None
    if not found or len(found) > MAX_RUBRIC_CHARS:
        raise UsageError(f"--rubric {path}: a rubric has 1 to {MAX_RUBRIC_CHARS:,} characters, this one {len(found):,}")
    return visible(found)


def _metric(run: FinishedRun, wanted: str | None) -> str:
    known = [text(metric, "metric") for metric in objects(run.document, "metrics")]
    if wanted is None:
        return text(obj(run.document, "primary"), "metric")
    if wanted not in known:
        raise UsageError(f"--metric {wanted}: this run measured {', '.join(known) or 'no metric'}")
    return wanted


def _drawn(run: FinishedRun, metric: str, n: int, secret: bytes) -> tuple[Drawn, int]:
    """The comparisons, and how many samples were left out because both answers are equal."""
    seen, alike = [], 0
    for row in run.rows():
        texts = [text(obj(row, side), "text") for side in SIDES]
        if any(text(obj(row, side), "status") != "ok" for side in SIDES):
            continue  # what was cut, refused or failed is missing, not worse
        if texts[0].split() == texts[1].split():
            alike += 1
            continue
        seen.append(Seen(id=text(row, "id"), differs=_differs(row, metric), cluster=text(row, "cluster") or None))
    if not seen:
        why = f"all {alike} pairs of answers are equal" if alike else "no sample has an answer from both sides"
        raise UsageError(f"there is nothing for people to compare: {why}")
    return draw(seen, n, secret), alike


def _differs(row: Document, metric: str) -> bool:
    scores = obj(obj(row, "scores"), metric)
    ends = [number(scores, side) for side in SIDES]
    return None not in ends and ends[0] != ends[1]


def _texts(run: FinishedRun, wanted: set[str]) -> Mapping[str, Mapping[str, str]]:
    """What raters read of the samples that were drawn, made visible and cut where it is endless."""
    return {
        text(row, "id"): {"prompt": _shown(text(row, "input"))}
        | {side: _shown(text(obj(row, side), "text")) for side in SIDES}
        for row in run.rows()
        if text(row, "id") in wanted
    }


def _shown(words: str) -> str:
    return visible(clip(words))
