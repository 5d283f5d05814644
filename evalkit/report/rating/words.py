"""People's ratings in words and tables: for the report, the summary and the terminal."""

from __future__ import annotations

import shlex
from pathlib import PurePath

from evalkit import numbers
from evalkit.report.grid import NONE, Table
from evalkit.report.read import Document, items, number, obj, objects, pair, text, whole, words


def page_text(made: Document) -> str:
    """What `evalkit rate RUN` says on a terminal."""
    samples, repeats, alike = (whole(made, key) or 0 for key in ("samples", "repeats", "alike"))
    written = [str(path) for path in items(made, "written")]
    run = shlex.quote(str(PurePath(written[0]).parent)) if written else text(made, "run")
    shown = f"{numbers.count(samples)} pairs of answers, {numbers.count(repeats)} of them twice"
    equal = f"; {numbers.count(alike)} pairs with equal answers are left out and count as the same" if alike else ""
    return "\n".join(
        [
            *(f"wrote {path}" for path in written),
            f"{shown}{equal}",
            "send it to the people who should judge; they open it in any browser, nothing has to be installed",
            "rate-key.json stays here: who has it can tell the sides apart",
            f"their ratings back in: evalkit rate import FILE… --run {run}",
        ]
    )


def human_text(human: Document) -> str:
    """What `evalkit rate import` says on a terminal."""
    told = [headline(human), *(f"warning: {words(warning)}" for warning in items(human, "warnings"))]
    return "\n".join([*told, *(f"{row[0]}: {row[1]}" for row in facts_table(human).rows)])


def headline(human: Document) -> str:
    """What people prefer, in one sentence; empty where nobody has rated."""
    found = obj(human, "preference")
    raters, rated = len(objects(human, "raters")), whole(human, "rated")
    if not raters or not rated:
        return ""
    who = "1 person" if raters == 1 else f"{numbers.count(raters)} people"
    counts = [numbers.count(whole(found, key) or 0) for key in ("wins", "ties", "losses")]
    told = f"{who} compared {numbers.count(rated)} pairs without knowing the sides: candidate better on {counts[0]}, "
    told += f"about the same on {counts[1]}, baseline better on {counts[2]}"
    net = number(found, "net_points")
    if net is None:
        return f"{told}; what that means for the whole run cannot be told: {text(found, 'note')}."
    ends = pair(found, "ci95_points")
    told += f". Net preference for the candidate over the whole run: {numbers.signed(net)} points"
    return f"{told} {numbers.interval(ends)} (95 %), {_settled(human)}."


def facts_table(human: Document) -> Table:
    """The figures behind the headline."""
    found, again, position = (obj(human, key) for key in ("preference", "self_agreement", "position"))
    metric = obj(human, "metric")
    alike = whole(human, "alike") or 0
    rows = [
        (
            "pairs rated",
            f"{numbers.count(whole(human, 'rated'))} of {numbers.count(whole(human, 'asked'))} on the page",
        ),
        ("equal answers", f"{numbers.count(alike)} pairs, not shown to anybody, counted as the same" if alike else ""),
        ("both answers bad", f"{numbers.count(whole(human, 'both_bad'))} ratings"),
        ("p-value, two-sided", numbers.p_value(number(found, "p_value"))),
        ("one rater on a pair shown twice, sides swapped", _again(again)),
        ("left chosen, where a side was", _left(position)),
        ("time for a pair, median", _seconds(human)),
        ("raters among each other", _agreed(obj(human, "agreement"))),
        (f"people and the metric {text(metric, 'name')}", _agreed(metric)),
    ]
    return Table(rows=tuple((label, value) for label, value in rows if value))


def raters_table(human: Document) -> Table:
    """One row a rater."""
    rows = []
    for rater in objects(human, "raters"):
        prefers = obj(rater, "prefers")
        counts = [numbers.count(whole(prefers, key) or 0) for key in ("candidate", "same", "baseline")]
        odd = "; ".join(words(warning) for warning in items(rater, "warnings"))
        left, again = _left(obj(rater, "position")), _again(obj(rater, "self_agreement"))
        rows.append((text(rater, "rater"), *counts, left or NONE, again or NONE, _seconds(rater), odd or NONE))
    head = ("rater", "candidate", "same", "baseline", "left chosen", "pairs shown twice", "median time", "look at this")
    return Table(head=head, rows=tuple(rows))


def notes_table(human: Document) -> Table:
    """What raters wrote."""
    rows = tuple(
        (text(note, "sample"), text(note, "rater"), text(note, "prefers"), text(note, "note"))
        for note in objects(human, "notes")
    )
    return Table(head=("sample", "rater", "prefers", "note"), rows=rows)


def _settled(human: Document) -> str:
    side = text(obj(human, "preference"), "prefers")
    if not side:
        return "which does not settle whom people prefer"
    if all(items(rater, "warnings") for rater in objects(human, "raters")):
        return f"in favour of the {side}, but no rater's ratings are above doubt"
    return f"so people prefer the {side}"


def _again(found: Document) -> str:
    n = whole(found, "n")
    return f"{numbers.count(whole(found, 'agreed'))} of {numbers.count(n)} judged alike" if n else ""


def _left(found: Document) -> str:
    share, of = number(found, "share"), whole(found, "of")
    return "" if share is None else f"{numbers.percent(share)} of {numbers.count(of)}"


def _seconds(found: Document) -> str:
    median = number(found, "median_seconds")
    return "not measured" if median is None else f"{median:.1f} s"


def _agreed(found: Document) -> str:
    share = number(found, "percent")
    if share is None:
        return text(found, "note")
    figures = [(name, number(found, key)) for name, key in (("kappa", "kappa"), ("AC1", "ac1"), ("alpha", "alpha"))]
    told = ", ".join(f"{name} {value:.2f}".replace("-", numbers.MINUS) for name, value in figures if value is not None)
    return f"{numbers.percent(share)} alike on {numbers.count(whole(found, 'n'))} pairs" + (
        f" ({told})" if told else ""
    )
