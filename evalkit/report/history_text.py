"""The history as a terminal shows it: a run takes two lines of at most 80 columns, oldest first."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from rich.text import Text

from evalkit import numbers
from evalkit.report import strings
from evalkit.report.console import printed
from evalkit.report.history_facts import change_words
from evalkit.report.read import Document, number, obj, objects, pair, text
from evalkit.report.terminal import VERDICT_STYLES
from evalkit.report.text import plain, shorten

WIDTH = 80
_HEAD = f"{'date':<12}{'verdict':<16}{'baseline':>8}{'candidate':>11}{'difference':>12}  95 % interval"
_INDENT = " " * 12
_SHOWN_SKIPPED = 8


def history_text(document: Document, *, color: bool) -> str:
    """The whole history without a newline at its end. Without `color` it holds no escape byte."""
    # Each line has been fitted already.
    return "\n".join(printed(_lines(document), color=color, width=WIDTH, is_fitted=True))


def title(document: Document) -> str:
    """What there is: "review-triage: 4 runs on exact, 2 versions of the data"."""
    runs, versions = len(objects(document, "runs")), len(objects(document, "versions"))
    on = f" on {text(document, 'metric')}" if text(document, "metric") else ""
    data = f", {versions} versions of the data" if versions > 1 else ""
    return f"{text(document, 'suite')}: {numbers.count(runs)} run{'' if runs == 1 else 's'}{on}{data}"


def skipped_words(document: Document) -> list[str]:
    """A sentence for each file that was left out."""
    return [f"{text(one, 'path')}: {text(one, 'why')}" for one in objects(document, "skipped")]


def _lines(document: Document) -> Iterator[Text]:
    yield Text(shorten(plain(title(document)), WIDTH), style="bold")
    yield Text("")
    yield Text(_HEAD, style="dim")
    across = {text(line, "to"): line for line in objects(document, "lines")}
    metric = None
    for run in objects(document, "runs"):
        if text(run, "run") in across:
            yield from _across(across[text(run, "run")])
        yield _figures(run)
        yield from (Text(line, style="dim") for line in _under(run, is_named=text(run, "metric") not in {metric, ""}))
        metric = text(run, "metric") or metric
    left_out = [f"left out: {sentence}" for sentence in skipped_words(document)]
    if left_out:
        yield Text("")
        yield from _wrapped(left_out[:_SHOWN_SKIPPED], style="yellow")
        if len(left_out) > _SHOWN_SKIPPED:
            yield Text(f"and {len(left_out) - _SHOWN_SKIPPED} more", style="yellow")


def _figures(run: Document) -> Text:
    look = strings.verdict_look(text(run, "verdict"))
    line = Text(f"{text(run, 'created')[:10]:<12}")
    line.append(f"{look.mark} {look.word:<14}", style=VERDICT_STYLES.get(look.css, "bold"))
    for key, width in (("baseline_points", 8), ("candidate_points", 11)):
        line.append(f"{_level(run, key):>{width}}")
    delta = number(run, "delta_points")
    line.append(f"{'–' if delta is None else numbers.signed(delta):>12}", style="bold")
    ends = pair(run, "ci95_points")
    return line.append(f"  {numbers.interval(ends) if ends else '–'}")


def _level(run: Document, key: str) -> str:
    value = number(run, key)
    return "–" if value is None else numbers.points(value)


def _under(run: Document, *, is_named: bool) -> Iterator[str]:
    about = [text(run, "run")]
    version, n = number(obj(run, "data"), "version"), number(run, "n")
    about += [f"data {version:.0f}" if version else "data not known"]
    about += [f"n = {numbers.count(n)}"] if n else []
    about += [f"on {text(run, 'metric')}"] if is_named else []
    about += ["bridge"] if run.get("bridge") else []
    yield from _fitted(", ".join(map(plain, about)))
    moved = change_words(objects(run, "changed"))
    if moved:
        yield from _fitted(plain(f"changed: {moved}"))
    if text(run, "note"):
        yield from _fitted(plain(text(run, "note")))


def _across(line: Document) -> Iterator[Text]:
    for row in textwrap.wrap(plain(text(line, "sentence")), WIDTH - 4):
        yield Text(f"─── {row} ".ljust(WIDTH, "─")[:WIDTH], style="yellow")
    for bridge in objects(line, "bridges"):
        yield from _wrapped([f"bridge: {text(bridge, 'sentence')}"], style="yellow", indent="    ")
        if held := text(obj(bridge, "anchors"), "sentence"):
            yield from _wrapped([held], style="yellow", indent="      ")
    for one in objects(line, "equated"):
        yield from _wrapped([f"equated by anchors: {text(one, 'sentence')}"], style="yellow", indent="    ")


def _fitted(sentence: str) -> list[str]:
    return textwrap.wrap(sentence, WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)


def _wrapped(sentences: list[str], *, style: str, indent: str = "") -> Iterator[Text]:
    for sentence in sentences:
        for line in textwrap.wrap(plain(sentence), WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  "):
            yield Text(line, style=style)
