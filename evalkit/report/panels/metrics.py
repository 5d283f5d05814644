"""Every metric's difference, and how the primary one was worked out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from evalkit import numbers
from evalkit.report import charts, strings
from evalkit.report.baselines import noise_words
from evalkit.report.grid import Table
from evalkit.report.read import Document, number, obj, objects, pair, text, whole
from evalkit.report.repeats import repeats_words


def panel(verdict: Document, _manifest: Document) -> Mapping[str, Any]:
    """The forest plot of all metrics."""
    return {
        "metrics": charts.metric_chart(verdict),
        "primary_facts": primary_facts(verdict),
    }


def primary_facts(verdict: Document) -> Table:
    """How the primary difference was worked out, in words and figures."""
    primary = obj(verdict, "primary")
    alpha = number(primary, "alpha")
    bound = numbers.signed(number(primary, "lower_points"))
    n, clusters = whole(primary, "n"), whole(primary, "n_clusters")
    rows = [
        ("metric", text(primary, "metric")),
        ("pairs scored on both sides", numbers.count(n)),
        (
            "clusters of dependent samples",
            "none: every sample stands alone" if n == clusters else numbers.count(clusters),
        ),
        ("difference", f"{numbers.signed(number(primary, 'delta_points'))} points"),
        *_alone(primary),
        ("95 % interval", f"{numbers.interval(pair(primary, 'ci95_points'))} points"),
        ("bound the gate uses", f"at least {bound} points" + (f", one-sided, α = {alpha:g}" if alpha else "")),
        ("p-value, two-sided", numbers.p_value(number(primary, "p_value"))),
        ("discordance", numbers.percent(number(primary, "discordance"))),
        ("MDE", f"{numbers.points(number(primary, 'mde_points'))} points"),
        ("repeats of each sample", repeats_words(verdict)),
        ("noise floor", noise_words(verdict)),
        ("method", strings.method_words(text(primary, "method")) or numbers.NOT_MEASURED),
        *_signatures(verdict),
        ("if all that is unscored went against / for the candidate", _worst(primary)),
        ("note", text(primary, "note")),
    ]
    return Table(rows=tuple((label, value) for label, value in rows if value))


def _alone(primary: Document) -> Iterable[tuple[str, str]]:
    """Each side's own level with its interval, where it has one."""
    for side in strings.SIDES:
        ends = pair(primary, f"{side}_ci95_points")
        if ends is not None:
            level = numbers.points(number(primary, f"{side}_points"))
            yield f"{side} by itself", f"{level} points [{numbers.points(ends[0])}, {numbers.points(ends[1])}]"


def _signatures(verdict: Document) -> Iterable[tuple[str, str]]:
    """How each metric counts, of those that come in several kinds."""
    for found in objects(verdict, "metrics"):
        yield f"{text(found, 'metric')}, as it is counted", text(found, "signature")


def _worst(primary: Document) -> str:
    bounds = pair(primary, "worst_case_points")
    return "" if bounds is None else f"{numbers.signed(bounds[0])} / {numbers.signed(bounds[1])} points"
