"""report.html: one file that opens from disk, makes no request and runs nothing but its own script.

The page's policy is `default-src 'none'` plus the sha256 of its one script and one style sheet (CSP 3), so even
markup that slipped through could neither run nor load. Texts from models and data reach the page in two ways
only: autoescaped by jinja2, or packed and set by the script as `textContent`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from markupsafe import Markup

from evalkit.report import charts, strings
from evalkit.report.examples import examples
from evalkit.report.pack import pack
from evalkit.report.panels import BACKGROUND, FINDINGS, Panel
from evalkit.report.panels.kinds import kind_reader
from evalkit.report.read import Document, items, obj, objects, text, words
from evalkit.report.shell import asset, policy, template
from evalkit.report.text import cleaned
from evalkit.report.tiles import tiles
from evalkit.report.title import sides, subtitle

SCRIPTS = ("unpack.js", "diff.js", "state.js", "filter.js", "list.js", "fields.js", "copy.js", "detail.js", "app.js")


_ROWS_MARK = "<!--rows-->"
"""Where the packed rows belong; no text from a model or a data file can spell it, for `<` is escaped."""


def render_html(verdict: Document, samples: Iterable[Document], manifest: Document) -> bytes:
    """The report as UTF-8; equal documents give equal bytes. Absent keys are shown as not measured."""
    return b"".join(html_pieces(verdict, samples, manifest))


def html_pieces(verdict: Document, samples: Iterable[Document], manifest: Document) -> Iterator[bytes]:
    """The report in pieces, for runs too large to be in memory. Loops over `samples` several times."""
    style = Markup(asset("report.css"))  # noqa: S704 - our own file
    script = Markup("\n".join(['"use strict";', "(() => {", *map(asset, SCRIPTS), "})();"]))  # noqa: S704 - ours
    shown, lineage = cleaned(verdict), cleaned(manifest)
    packed = pack(samples, text(obj(verdict, "primary"), "metric"), reading=kind_reader(verdict, manifest))
    page_html = template("report.html.j2").render(
        style=style,
        script=script,
        policy=policy(style, script),
        meta=packed.meta,
        n_samples=packed.n_rows,
        left_out=strings.left_out(packed.n_left_out, packed.max_chars),
        rows_mark=Markup(_ROWS_MARK),  # noqa: S704 - our own
        **_first_screen(shown),
        findings=_panels(FINDINGS, shown, lineage),
        background=_panels(BACKGROUND, shown, lineage),
        examples=examples(samples),
    )
    before, _, after = page_html.rpartition(_ROWS_MARK)
    yield before.encode("utf-8")
    for number, chunk in enumerate(packed.chunks):
        yield f'<script type="text/plain" id="rows-{number}">{chunk}</script>\n'.encode("ascii")
    yield after.encode("utf-8")


def _first_screen(verdict: Document) -> dict[str, Any]:
    return {
        "look": strings.verdict_look(text(verdict, "verdict")),
        "subtitle": subtitle(verdict),
        "sides": sides(verdict),
        "hero": charts.hero(verdict),
        "headline": text(verdict, "headline"),
        "suite": text(verdict, "suite") or "a suite",
        "primary": charts.primary_words(verdict),
        **_in_the_way(verdict),
        "advice": [words(sentence) for sentence in items(verdict, "advice")],
        "tiles": tiles(verdict),
        "version": text(obj(verdict, "provenance"), "evalkit"),
        "glossary": strings.GLOSSARY,
        "flips": strings.FLIPS,
        "no_samples": strings.NO_SAMPLES,
    }


def _in_the_way(verdict: Document) -> dict[str, Any]:
    """The blocking reasons that the headline does not tell already, and whether it tells one."""
    reasons = [text(r, "detail") for r in objects(verdict, "reasons") if r.get("blocking")]
    told = text(verdict, "headline").casefold()
    untold = [reason for reason in reasons if reason.rstrip(".").casefold() not in told]
    return {"blocking": untold, "has_told_one": len(untold) < len(reasons)}


class Shown(NamedTuple):
    """A panel as the page holds it."""

    name: str
    link: str
    html: Markup


def _panels(panels: Iterable[Panel], verdict: Document, manifest: Document) -> list[Shown]:
    """Each panel rendered by itself, so that no two of them can take each other's names."""
    found = []
    for panel in panels:
        names = panel.data(verdict, manifest)
        html = template(f"panels/{panel.name}.html.j2").render(glossary=strings.GLOSSARY, **names).strip()
        link = panel.link if html else ""
        found.append(Shown(panel.name, link, Markup(html)))  # noqa: S704 - rendered by an escaping template
    return found
