"""report.html: one file that opens from disk, makes no request and runs nothing but its own script.

The page's policy is `default-src 'none'` plus the sha256 of its one script and one style sheet (CSP 3), so even
markup that slipped through could neither run nor load. Texts from models and data reach the page in two ways
only: autoescaped by jinja2, or packed and set by the script as `textContent`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from markupsafe import Markup

from evalkit.report import charts, facts, page, payback, strings
from evalkit.report.baselines import against_table
from evalkit.report.pack import pack
from evalkit.report.read import Document, items, obj, objects, text, words
from evalkit.report.shell import asset, policy, template
from evalkit.report.text import cleaned

SCRIPTS = ("unpack.js", "diff.js", "state.js", "filter.js", "list.js", "detail.js", "app.js")


_ROWS_MARK = "<!--rows-->"
"""Where the packed rows belong; no text from a model or a data file can spell it, for `<` is escaped."""


def render_html(verdict: Document, samples: Iterable[Document], manifest: Document) -> bytes:
    """The report as UTF-8; equal documents give equal bytes. Absent keys are shown as not measured."""
    return b"".join(html_pieces(verdict, samples, manifest))


def html_pieces(verdict: Document, samples: Iterable[Document], manifest: Document) -> Iterator[bytes]:
    """The report in pieces, for runs too large to be in memory. Loops over `samples` several times."""
    style = Markup(asset("report.css"))  # noqa: S704 - our own file
    script = Markup("\n".join(['"use strict";', "(() => {", *map(asset, SCRIPTS), "})();"]))  # noqa: S704 - ours
    shown = cleaned(verdict)
    packed = pack(samples, text(obj(verdict, "primary"), "metric"))
    page_html = template("report.html.j2").render(
        style=style,
        script=script,
        policy=policy(style, script),
        meta=packed.meta,
        n_samples=packed.n_rows,
        left_out=strings.left_out(packed.n_left_out, packed.max_chars),
        rows_mark=Markup(_ROWS_MARK),  # noqa: S704 - our own
        **_first_screen(shown),
        **_sections(shown, cleaned(manifest)),
        examples=page.examples(samples),
    )
    before, _, after = page_html.rpartition(_ROWS_MARK)
    yield before.encode("utf-8")
    for number, chunk in enumerate(packed.chunks):
        yield f'<script type="text/plain" id="rows-{number}">{chunk}</script>\n'.encode("ascii")
    yield after.encode("utf-8")


def _first_screen(verdict: Document) -> dict[str, Any]:
    return {
        "look": strings.verdict_look(text(verdict, "verdict")),
        "subtitle": page.subtitle(verdict),
        "sides": page.sides(verdict),
        "hero": charts.hero(verdict),
        "headline": text(verdict, "headline"),
        "suite": text(verdict, "suite") or "a suite",
        "primary": charts.primary_words(verdict),
        "blocking": [text(r, "detail") for r in objects(verdict, "reasons") if r.get("blocking")],
        "advice": [words(sentence) for sentence in items(verdict, "advice")],
        "tiles": page.tiles(verdict),
        "asked": page.asked_rows(verdict),
        "bounds_note": page.bounds_note(verdict),
    }


def _sections(verdict: Document, manifest: Document) -> dict[str, Any]:
    return {
        "metrics": charts.metric_chart(verdict),
        "against": against_table(verdict),
        "decides": text(verdict, "against"),
        "slices": charts.slice_chart(verdict),
        "slice_sentences": charts.slice_sentences(verdict),
        "guards": page.guard_rows(verdict),
        "guard_chart": charts.guard_chart(verdict),
        "primary_facts": page.primary_facts(verdict),
        "classes": page.class_blocks(verdict),
        "coverage": facts.coverage_table(verdict),
        "coverage_sentence": facts.coverage_sentence(verdict),
        "differences": facts.differences_table(verdict),
        "identity": facts.identity_table(verdict),
        "identity_sentences": facts.identity_sentences(verdict),
        "cost": facts.cost_table(verdict),
        "latency": facts.latency_table(verdict),
        "payback": payback.payback_table(verdict),
        "sensitivity": payback.sensitivity_table(verdict),
        "payback_sentences": payback.payback_sentences(verdict),
        "payback_assumptions": payback.assumptions(verdict),
        "checks": facts.checks_table(verdict),
        "version": text(obj(verdict, "provenance"), "evalkit"),
        "lineage": facts.lineage_table(verdict, manifest),
        "digests": facts.digests_table(manifest),
        "prompts": facts.prompts_of(manifest),
        "declared": facts.declared(manifest),
        "reasons": [(text(r, "code"), bool(r.get("blocking")), text(r, "detail")) for r in objects(verdict, "reasons")],
        "warnings": [words(sentence) for sentence in items(verdict, "warnings")],
        "assumptions": strings.ASSUMPTIONS,
        "glossary": strings.GLOSSARY,
        "flips": strings.FLIPS,
        "no_samples": strings.NO_SAMPLES,
    }
