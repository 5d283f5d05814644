"""history.html: one file that opens from disk, makes no request and runs no script; it looks like report.html."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup
from msgspec import Struct, structs

from evalkit import __version__, numbers
from evalkit.report import strings
from evalkit.report.history_chart import DESK, PHONE, differences_svg, scores_svg
from evalkit.report.history_facts import change_words
from evalkit.report.history_text import skipped_words, title
from evalkit.report.read import Document, number, obj, objects, pair, text
from evalkit.report.shell import asset, policy, template
from evalkit.report.text import cleaned

_DASH = "–"


class Row(Struct, frozen=True, kw_only=True):
    """One run in words, and the line above it where what is measured changed."""

    above: str
    bridges: tuple[str, ...]
    equated: tuple[str, ...]
    date: str
    run: str
    href: str
    look: strings.Look
    baseline: str
    candidate: str
    delta: str
    interval: str
    n: str
    data: str
    bridge: str
    changed: str
    note: str


def render_history(document: Document, links: Mapping[str, str]) -> bytes:
    """The page as UTF-8; equal documents give equal bytes. `links`: run → where its report lies from the page."""
    shown = cleaned(document)
    style = Markup(asset("report.css") + asset("history.css"))  # noqa: S704 - our own files
    runs = objects(shown, "runs")
    page = template("history.html.j2").render(
        style=style,
        policy=policy(style, None),
        title=title(shown),
        suite=text(shown, "suite"),
        metric=text(shown, "metric"),
        newest=_row(runs[-1], {}, links) if runs else None,  # nobody has to look for what stands last
        rows=_rows(shown, links),
        lines=len(objects(shown, "lines")),
        scores=[scores_svg(shown, room) for room in (DESK, PHONE)],
        differences=[differences_svg(shown, room) for room in (DESK, PHONE)],
        skipped=skipped_words(shown),
        glossary=strings.GLOSSARY,
        version=__version__,
    )
    return page.encode("utf-8")


def _rows(document: Document, links: Mapping[str, str]) -> list[Row]:
    """Oldest first; a line stands above the run that came after the change."""
    across = {text(line, "to"): line for line in objects(document, "lines")}
    rows, metric = [], ""
    for run in objects(document, "runs"):
        row = _row(run, across.get(text(run, "run"), {}), links)
        is_other = text(run, "metric") not in {metric, ""}
        rows.append(
            structs.replace(row, note="; ".join(filter(None, [f"on {text(run, 'metric')}", row.note])))
            if is_other
            else row
        )
        metric = text(run, "metric") or metric
    return rows


def _row(run: Document, line: Document, links: Mapping[str, str]) -> Row:
    delta, version = number(run, "delta_points"), number(obj(run, "data"), "version")
    name = text(run, "run")
    return Row(
        above=text(line, "sentence"),
        bridges=tuple(
            "; ".join(filter(None, [text(bridge, "sentence"), text(obj(bridge, "anchors"), "sentence")]))
            for bridge in objects(line, "bridges")
        ),
        equated=tuple(text(one, "sentence") for one in objects(line, "equated")),
        date=text(run, "created")[:16].replace("T", " "),
        run=name,
        href=links.get(name, ""),
        look=strings.verdict_look(text(run, "verdict")),
        baseline=_level(run, "baseline"),
        candidate=_level(run, "candidate"),
        delta=_DASH if delta is None else numbers.signed(delta),
        interval=numbers.interval(pair(run, "ci95_points")) if pair(run, "ci95_points") else _DASH,
        n=numbers.count(number(run, "n")) if number(run, "n") else _DASH,
        data=f"{version:.0f}" if version else "not known",
        bridge=" and ".join(str(side) for side in run.get("bridge") or ()),
        changed=change_words(objects(run, "changed")),
        note=text(run, "note"),
    )


def _level(run: Document, side: str) -> str:
    value = number(run, f"{side}_points")
    return _DASH if value is None else numbers.points(value)
