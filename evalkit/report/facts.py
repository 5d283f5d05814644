"""The plain tables of a report: coverage, differences, identity, cost, latency, lineage. Numbers come with a unit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from evalkit import numbers
from evalkit.compare.failures import in_words
from evalkit.report import strings
from evalkit.report.read import Document, items, number, obj, objects, pair, text, whole, words

BOTH = ("", "baseline", "candidate")
NONE = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text under a head; the first cell of a row names it."""

    rows: tuple[tuple[str, ...], ...]
    head: tuple[str, ...] = ()
    is_numeric: bool = False
    """Right-align everything but the first column."""


def coverage_table(verdict: Document) -> Table:
    """How many requests of each side ended in which way."""
    sides = [obj(obj(verdict, "outcomes"), side) for side in strings.SIDES]
    rows = [
        (label, *(numbers.count(number(side, key)) for side in sides))
        for key, label in strings.OUTCOMES.items()
        if any(key in side for side in sides)
    ]
    kinds = sorted({kind for side in sides for kind in obj(side, "kinds")})
    rows += [
        (f"failed: {in_words(kind)}", *(numbers.count(number(obj(s, "kinds"), kind) or 0) for s in sides))
        for kind in kinds
    ]
    return Table(head=BOTH, rows=tuple(rows), is_numeric=True)


def coverage_sentence(verdict: Document) -> str:
    """How many of the planned pairs can be compared."""
    coverage = obj(verdict, "coverage")
    pairs, planned = whole(coverage, "pairs"), whole(coverage, "planned")
    if pairs is None or planned is None:
        return "How many planned pairs were answered was not recorded."
    share = numbers.percent(number(coverage, "share"))
    return f"{numbers.count(pairs)} of {numbers.count(planned)} planned pairs have both answers ({share})."


def differences_table(verdict: Document) -> Table:
    """What the two model entries declare differently."""
    rows = tuple(
        (text(row, "what"), text(row, "baseline") or NONE, text(row, "candidate") or NONE)
        for row in objects(verdict, "differences")
    )
    return Table(head=("what", "baseline", "candidate"), rows=rows)


def identity_table(verdict: Document) -> Table:
    """What each backend could prove about the model behind it."""
    labels = {
        "served_model": "model, as served",
        "weights_sha256": "weights, sha256",
        "adapter_sha256": "adapter, sha256",
        "engine": "engine",
        "engine_version": "engine version",
        "endpoint": "endpoint",
    }
    return _both_sides(obj(verdict, "identity"), labels, lambda side, key: text(side, key) or "not known")


def identity_sentences(verdict: Document) -> tuple[str, ...]:
    """How alike the two sides' answers were."""
    identity = obj(verdict, "identity")
    found = []
    share = number(identity, "equal_answers")
    if share is not None:
        found.append(f"{numbers.percent(share)} of the answers are equal byte for byte.")
    probe = obj(identity, "probe")
    asked, differing = whole(probe, "n"), whole(probe, "differing")
    if asked and differing is not None:
        found.append(
            f"Start-up probe: {differing} of {asked} probe prompts were answered differently by the two sides."
        )
    if text(probe, "note"):
        found.append(text(probe, "note"))
    return tuple(found)


def cost_table(verdict: Document) -> Table:
    """Money and tokens of both sides; an unknown price is said to be unknown."""
    cost = obj(verdict, "cost")
    labels: dict[str, tuple[str, Callable[[float | None], str]]] = {
        "usd": ("all answers, USD", numbers.usd),
        "usd_per_1000": ("1,000 answers, USD", numbers.usd),
        "input_tokens": ("input tokens", numbers.count),
        "output_tokens": ("output tokens", numbers.count),
    }
    rows = [
        (label, *(write(number(obj(cost, side), key)) for side in strings.SIDES))
        for key, (label, write) in labels.items()
    ]
    return Table(head=BOTH, rows=(*rows, *_notes(cost)), is_numeric=True)


def latency_table(verdict: Document) -> Table:
    """Answer times of both sides."""
    latency = obj(verdict, "latency")
    labels: dict[str, tuple[str, Callable[[float | None], str]]] = {
        "p50_s": ("half of the answers within", numbers.duration),
        "p95_s": ("95 % of the answers within", numbers.duration),
        "n": ("answers timed", numbers.count),
    }
    rows = [
        (label, *(write(number(obj(latency, side), key)) for side in strings.SIDES))
        for key, (label, write) in labels.items()
    ]
    rows += list(_ratios(obj(latency, "ratio")))
    return Table(head=BOTH, rows=(*rows, *_notes(latency)), is_numeric=True)


def checks_table(verdict: Document) -> Table:
    """What was checked about the data and the judges, or why it was not."""
    labels = {"contamination": "overlap with training data", "freshness": "age of the samples", "judges": "judges"}
    rows: list[tuple[str, ...]] = []
    for key, label in labels.items():
        value = verdict.get(key)
        if isinstance(value, list):
            rows += [(label, words(item)) for item in value] or [(label, "none in this suite")]
            continue
        found = obj(verdict, key)
        note = text(found, "note")
        told = [
            f"{name.replace('_', ' ')}: {words(item)}"
            for name, item in found.items()
            if name not in {"note", "checked"} and item not in (None, [], "")
        ]
        rows.append((label, "; ".join(filter(None, [note, *told])) or "not checked"))
    rows.append(("candidates judged by these samples", _uses(obj(verdict, "reuse"))))
    for found in objects(verdict, "checks"):
        label = f"{text(found, 'check')} ({text(found, 'from')})"
        rows.append((label, text(found, "detail") or "nothing found"))
    return Table(rows=tuple(rows))


def _uses(reuse: Document) -> str:
    """How often the samples were used to choose by, and what that does to a ship."""
    uses, allowed = whole(reuse, "uses"), whole(reuse, "max_uses")
    if uses is None:
        return text(reuse, "note") or "not counted"
    chance = number(reuse, "false_ship")
    told = [numbers.count(uses) + (f" of {numbers.count(allowed)} allowed" if allowed else "")]
    if chance is not None:
        told.append(f"chance that one ships although none is better: at most {numbers.percent(chance)}")
    return "; ".join(filter(None, [*told, text(reuse, "note")]))


def lineage_table(verdict: Document, manifest: Document) -> Table:
    """Where the numbers come from: run, versions, seed, fingerprints, commit, times, command."""
    provenance = dict(obj(verdict, "provenance"))
    wall = number(provenance, "wall_s")
    if wall is not None:
        provenance["wall_s"] = numbers.duration(wall)
    command = text(provenance, "command") or text(manifest, "command")
    provenance.pop("command", None)
    labels = {"wall_s": "wall time", "evalkit": "evalkit version"}
    rows = [("run", text(verdict, "run")), ("suite file", text(verdict, "suite_file"))]
    rows += [(labels.get(key, key.replace("_", " ")), _flat(value)) for key, value in provenance.items()]
    versions = obj(manifest, "versions")
    if versions:
        rows.append(("installed versions", ", ".join(f"{name} {words(v)}" for name, v in versions.items())))
    rows.append(("command to repeat it", command))
    return Table(rows=tuple(row for row in rows if row[1]))


def digests_table(manifest: Document) -> Table:
    """sha256 of every file the suite reads."""
    return Table(head=("file", "sha256"), rows=tuple((k, words(v)) for k, v in obj(manifest, "digests").items()))


def declared(manifest: Document) -> str:
    """The suite as its author wrote it, as indented JSON; empty when it was not recorded."""
    suite = manifest.get("suite")
    return json.dumps(suite, ensure_ascii=False, indent=2) if suite else ""


def prompts_of(manifest: Document) -> tuple[tuple[str, Table], ...]:
    """For each side that recorded one: what a request looks like."""
    prompts = obj(manifest, "prompts")
    found = []
    for side in (name for name in prompts if isinstance(prompts[name], dict)):
        prompt = obj(prompts, side)
        rows = [(key, text(prompt, key) or "none") for key in ("system", "template", "shots") if key in prompt]
        for turn in items(prompt, "example_messages"):
            told = (f"first request, {text(turn, 'role')}", text(turn, "content")) if isinstance(turn, dict) else None
            rows.append(told or ("first request", words(turn)))
        found.append((side, Table(rows=tuple(rows))))
    return tuple(found)


def _ratios(ratio: Document) -> Iterable[tuple[str, ...]]:
    """How many times the baseline's time the candidate takes, on the same samples."""
    for key, label in (("p50", "half of the answers: times the baseline's"), ("p95", "95 %: times the baseline's")):
        point, ends = number(obj(ratio, key), "point"), pair(obj(ratio, key), "ci95")
        if point is not None and ends is not None:
            yield label, "1", f"{point:.2f} [{ends[0]:.2f}, {ends[1]:.2f}]"


def _both_sides(document: Document, labels: dict[str, str], write: Callable[[Document, str], str]) -> Table:
    sides = [obj(document, side) for side in strings.SIDES]
    rows = tuple((label, *(write(side, key) for side in sides)) for key, label in labels.items())
    return Table(head=BOTH, rows=rows)


def _notes(document: Document) -> Iterable[tuple[str, ...]]:
    """A last row for the reasons why something is missing."""
    notes = tuple(text(obj(document, side), "note") for side in strings.SIDES)
    if any(notes):
        yield ("note", *(note or NONE for note in notes))
    if text(document, "note"):
        yield ("note", text(document, "note"), NONE)
    if text(document, "as_of"):
        yield ("prices as of", text(document, "as_of"), text(document, "as_of"))


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {words(item)}" for key, item in value.items())
    return words(value)
