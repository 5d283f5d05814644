"""What `evalkit rot` found, for a terminal and as Markdown: one light a signal, and no sum of them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from rich.text import Text

from evalkit import numbers
from evalkit.report.console import printed
from evalkit.report.lights import ORDER
from evalkit.report.read import Document, number, obj, objects, text
from evalkit.report.text import plain

WIDTH = 80
_STYLES = {"green": "green", "amber": "yellow", "red": "bold red"}
_WORDS = {"green": "green", "amber": "AMBER", "red": "RED", "not_measured": "–"}
_AT = 8


def lit(document: Document, light: str) -> Sequence[str]:
    """The names of the signals that show this light."""
    return [text(one, "name") for one in objects(document, "signals") if text(one, "light") == light]


def headline(document: Document) -> str:
    """One line: "tickets against 12,000 rows of production: red: content drift"."""
    told = [f"{light}: {', '.join(names)}" for light in ("red", "amber") if (names := lit(document, light))]
    n = numbers.count(int(number(obj(document, "logs"), "compared") or 0))
    return f"{text(document, 'suite')} against {n} rows of production: {'; '.join(told) or 'nothing has aged'}"


def rot_text(document: Document, *, color: bool) -> str:
    """Every signal, the most alarming first. Without `color` it holds no escape byte."""
    return "\n".join(printed(_lines(document), color=color, width=WIDTH, is_fitted=True))


def rot_markdown(document: Document) -> str:
    """The same as a table for a pull request or a CI summary."""
    rows = [
        f"| {_WORDS[text(one, 'light')]} | {_cell(text(one, 'name'))} | {_cell(_figure(one))} | "
        f"{_cell(text(one, 'sentence'))} |"
        for one in _sorted(document)
    ]
    head = ["| light | signal | measured | what it says |", "|---|---|---|---|"]
    return "\n".join([f"**{_cell(headline(document))}**", "", *head, *rows, "", *_left_out(document), ""])


def _lines(document: Document) -> Iterator[Text]:
    yield from (Text(line, style="bold") for line in textwrap.wrap(plain(headline(document)), WIDTH))
    yield Text("")
    for one in _sorted(document):
        light = text(one, "light")
        row = Text(f"{_WORDS[light]:<{_AT}}", style=_STYLES.get(light, "dim"))
        row.append(plain(text(one, "name")), style="bold" if light in _STYLES else "dim")
        yield row
        told = " · ".join(filter(None, (_figure(one), plain(text(one, "sentence")))))
        yield from (Text(" " * _AT + line, style="dim") for line in textwrap.wrap(told, WIDTH - _AT))
    yield from (Text(line, style="yellow") for told in _left_out(document) for line in textwrap.wrap(told, WIDTH))


def _sorted(document: Document) -> list[Document]:
    return sorted(objects(document, "signals"), key=lambda one: ORDER.index(text(one, "light")))


def _figure(signal: Document) -> str:
    """As in "PSI 0.31 (chance alone: up to 0.12; amber 0.1, red 0.25; p 0.001)"; empty where nothing was measured."""
    value = number(signal, "value")
    if value is None:
        return ""
    null, p_value = number(signal, "null95"), number(signal, "p_value")
    limits = [f"{name} {limit:g}" for name in ("amber", "red") if (limit := number(signal, name)) is not None]
    told = [
        *([] if null is None else [f"chance alone: up to {null:.3g}"]),
        *([", ".join(limits)] if limits else []),
        *([] if p_value is None else [f"p {p_value:.3f}"]),
    ]
    return f"{text(signal, 'statistic')} {value:.3g}" + (f" ({'; '.join(told)})" if told else "")


def _left_out(document: Document) -> list[str]:
    logs = obj(document, "logs")
    unreadable, silent = (int(number(logs, key) or 0) for key in ("unreadable", "silent"))
    told = []
    if unreadable:
        first = plain(" ".join(str(one) for one in list(logs.get("examples") or [])[:1]))
        told.append(f"{unreadable:,} lines of the logs are no rows and were left out; the first: {first}")
    if silent:
        told.append(f"{silent:,} rows of the logs ask nothing that can be read and were left out")
    return told


def _cell(told: str) -> str:
    return plain(told).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
