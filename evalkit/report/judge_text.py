"""What was found out about a judge, as a terminal shows it. Made from the documents `evalkit judge` writes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from evalkit.report.read import Document, obj, objects, text
from evalkit.report.text import plain, shorten

WIDTH = 80
_STATES = {"held": "held", "failed": "FAILED", "not_measured": "not measured"}
_BESIDE_PEOPLE = {
    "uncalibrated": "Not calibrated",
    "out_of_date": "Not calibrated as it is now",
    "not_gateable": "Calibrated, and errs too much to gate",
}
_INDENT = "  "


def probe_text(document: Document) -> str:
    """The probes, one a line, and what follows from them."""
    lines = [f"{_judge(document)}, probed on {document['n_items']} answers", ""]
    lines.append(f"{'probe':<21}{'rate':>7}  {'95 % interval':<15}{'asked':<16}{'cases':>6}  ")
    for row in objects(document, "probes"):
        rate, ci95 = row.get("rate"), row.get("ci95")
        shown = "-" if rate is None else f"{rate:.3f}"
        between = "-" if ci95 is None else f"{ci95[0]:.3f}–{ci95[1]:.3f}"
        state = _STATES[text(row, "state")]
        lines.append(f"{text(row, 'name'):<21}{shown:>7}  {between:<15}{_asked(row):<16}{row['n']:>6}  {state}")
        if row.get("state") != "held":
            why = text(row, "note") or f"{row['hits']:g} of {row['n']} {text(row, 'what')}"
            lines += _wrapped([why])
    lines.append("")
    lines += _ending(
        [text(document, "distrust")] if document.get("distrust") else [],
        good="The probes against forged grades held.",
    )
    calibration = obj(document, "calibration")
    if (state := text(calibration, "state")) != "calibrated":
        lines += _wrapped([f"{_BESIDE_PEOPLE.get(state, state)}: {text(calibration, 'note')}."], indent="")
    return "\n".join(lines)


def calibration_text(document: Document) -> str:
    """The judge beside people, criterion by criterion, and whether a gate may rest on it."""
    raters = document["n_raters"]
    lines = [
        f"{_judge(document)}, beside {raters} rater{'' if raters == 1 else 's'} on {document['n_items']} answers",
        "",
    ]
    for row in objects(document, "criteria"):
        lines += [f"{text(row, 'id')} ({row['n']} answers)", *_criterion(row), ""]
    standing = obj(document, "standing")
    problems = [str(problem) for problem in document["problems"]]
    problems += [text(standing, "note")] if standing.get("is_forgeable") else []
    good = "A gate may rest on this judge, corrected by these labels"
    good += "." if text(standing, "state") == "calibrated" else ", once it is probed: evalkit judge probe."
    lines += _ending(problems, good=good)
    lines += _wrapped([f"note: {warning}" for warning in document["warnings"]])
    return "\n".join(lines)


def _judge(document: Document) -> str:
    name, version = shorten(plain(text(document, "judge")), 40), text(document, "version")
    return f"{name} {version} ({text(document, 'judge_hash')[:12]})"


def _asked(row: Document) -> str:
    if row.get("limit") == "off one half by at most":
        return f"0.5 ± {row['threshold']:g}"
    return f"{text(row, 'limit')} {row['threshold']:g}"


def _criterion(row: Document) -> Iterator[str]:
    for name, of in (("sensitivity", "good answers it passes"), ("specificity", "bad answers it fails")):
        share, ci95 = row.get(name), row.get(f"{name}_ci95")
        shown = "not known" if share is None or ci95 is None else f"{share:.2f} [{ci95[0]:.2f}, {ci95[1]:.2f}]"
        yield f"{_INDENT}{name:<13}{shown:<22}{of}"
    roles = row["confusion"]
    for role, counts in roles.items():
        good = f"good: {counts['tp']:.3g} passed, {counts['fn']:.3g} failed"
        told = f"{good}; bad: {counts['fp']:.3g} passed, {counts['tn']:.3g} failed"
        yield f"{_INDENT}{role or 'answers':<13}{told}"
    yield f"{_INDENT}{'agreement':<13}{'equal':>7}{'kappa':>8}{'AC1':>8}{'alpha':>8}"
    for name, key in (("judge–people", "judge_people"), ("people", "people")):
        found = row[key]
        figures: Sequence[Any] = [found[figure] for figure in ("percent", "kappa", "ac1", "alpha")]
        shown = "".join(f"{'-' if v is None else f'{v:.2f}':>{w}}" for v, w in zip(figures, (7, 8, 8, 8), strict=True))
        yield f"{_INDENT}{name:<13}{shown}"


def _ending(problems: Sequence[str], *, good: str) -> list[str]:
    if not problems:
        return _wrapped([good], indent="")
    return ["No gate may rest on this judge:", *_wrapped([f"- {problem}" for problem in problems])]


def _wrapped(sentences: Sequence[str], indent: str = _INDENT) -> list[str]:
    return [
        line
        for sentence in sentences
        for line in textwrap.wrap(plain(sentence), WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ")
    ]
