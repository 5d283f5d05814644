"""`evalkit report`: the renderings of a finished run again, from its own files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalkit.errors import UsageError
from evalkit.jobs.lights import with_lights
from evalkit.jobs.recorded import FinishedRun, find_run
from evalkit.report.html import render_html
from evalkit.report.junit import render_junit
from evalkit.report.markdown import render_markdown
from evalkit.report.table import render_csv
from evalkit.store.files import write_atomic


def render_again(name: str, out: Path, formats: Sequence[str]) -> list[Path]:
    """Writes the renderings asked for into the run's folder and returns their paths. Asks no model anything."""
    unknown = [f for f in formats if f not in _RENDERINGS]
    if unknown or not formats:
        raise UsageError(f"--format knows {', '.join(_RENDERINGS)}; not {', '.join(unknown) or 'nothing'}")
    run = find_run(name, out)
    written = []
    for wanted in formats:
        file, render = _RENDERINGS[wanted]
        write_atomic(run.folder / file, render(run))
        written.append(run.folder / file)
    return written


def _html(run: FinishedRun) -> bytes:
    return render_html(with_lights(run.document, run.folder), run.rows(), run.manifest())


def _junit(run: FinishedRun) -> bytes:
    return render_junit(run.document)


def _markdown(run: FinishedRun) -> bytes:
    return render_markdown(run.document, run.rows()).encode("utf-8", "backslashreplace")


def _csv(run: FinishedRun) -> bytes:
    return render_csv(run.document, run.rows()).encode("utf-8", "backslashreplace")


_RENDERINGS = {
    "html": ("report.html", _html),
    "junit": ("junit.xml", _junit),
    "markdown": ("summary.md", _markdown),
    "csv": ("samples.csv", _csv),
}
