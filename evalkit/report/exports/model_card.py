"""A model card of the candidate for the Hugging Face Hub: metadata that the Hub reads, and the verdict for people.

The metadata is YAML between two lines of `---`; results stand under `model-index`:
https://github.com/huggingface/hub-docs/blob/main/modelcard.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from evalkit import numbers
from evalkit.report import strings
from evalkit.report.corrected import corrected_words
from evalkit.report.demands import asked_rows
from evalkit.report.markdown import inert
from evalkit.report.mix import mix_words
from evalkit.report.panels.differences import differences_table
from evalkit.report.read import Document, items, number, obj, objects, pair, text, whole, words
from evalkit.report.text import cleaned
from evalkit.report.title import sides

_SUPPORTED = frozenset({"ship", "dont_ship", "inconclusive"})
"""Verdicts whose numbers mean something; of an invalid or failed run none reaches the metadata."""
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_LONGEST = 200
"""Of a name in the metadata."""


def render_model_card(verdict: Document, manifest: Document) -> str:
    """The card: metadata, the verdict, every metric, what was asked, and how it was measured.

    What was not measured is said to be so and stands in no metadata. Names and texts from suites and models are inert.
    """
    shown, lineage = cleaned(verdict), cleaned(manifest)
    metadata = yaml.safe_dump(_metadata(shown, lineage), allow_unicode=True, sort_keys=False, width=1000)
    body = "\n\n".join(
        [*_verdict(shown), *_metrics(shown), *_demands(shown), *_apart(shown), *_lineage(shown), *_limits(shown)]
    )
    return f"---\n{metadata}---\n\n{body}\n"


def _metadata(verdict: Document, manifest: Document) -> dict[str, Any]:
    status = text(verdict, "verdict")
    data: dict[str, Any] = {"tags": ["evalkit", f"evalkit-{status.replace('_', '-') or 'no-verdict'}"]}
    if base := _base(verdict):
        data["base_model"] = base
    results = list(_results(verdict, manifest)) if status in _SUPPORTED else []
    if results:
        name = text(obj(obj(verdict, "identity"), "candidate"), "served_model") or text(verdict, "suite") or "candidate"
        task, suite = {"type": "text-generation"}, text(verdict, "suite")[:_LONGEST] or "suite"
        dataset: dict[str, Any] = {"name": suite, "type": re.sub(r"[^\w.-]+", "-", suite)}
        digest = text(obj(verdict, "provenance"), "data_sha256")
        if digest:
            dataset["revision"] = digest
        each = {"task": task, "dataset": dataset, "metrics": results}
        data["model-index"] = [{"name": name[:_LONGEST], "results": [each]}]
    return data


def _base(verdict: Document) -> str:
    """The model that the candidate is an adapter of; empty unless the weights prove that the baseline is it."""
    baseline, candidate = (obj(obj(verdict, "identity"), side) for side in strings.SIDES)
    is_same = text(baseline, "weights_sha256") == text(candidate, "weights_sha256") != ""
    is_adapted = text(candidate, "adapter_sha256") != "" == text(baseline, "adapter_sha256")
    name = text(baseline, "served_model")
    return name if is_same and is_adapted and _HUB_NAME.fullmatch(name) else ""


def _results(verdict: Document, manifest: Document) -> Iterator[dict[str, Any]]:
    types = {text(spec, "name"): text(spec, "type") for spec in objects(obj(manifest, "suite"), "metrics")}
    for found in objects(verdict, "metrics"):
        value, name = number(found, "candidate_points"), text(found, "metric")
        if value is not None:
            label = f"{name}, points of 100, n = {numbers.count(number(found, 'n'))}"
            yield {"type": types.get(name) or name, "name": label[:_LONGEST], "value": round(value, 4)}


def _verdict(verdict: Document) -> Iterator[str]:
    look = strings.verdict_look(text(verdict, "verdict"))
    baseline, candidate = sides(verdict)
    yield f"# {inert(candidate)}"
    yield f"**{look.mark} {look.word}.** {inert(text(verdict, 'headline') or look.gloss, 2000)}"
    yield (
        f"{inert(candidate)} was compared with {inert(baseline)} on the same held-out samples of "
        f"“{inert(text(verdict, 'suite'))}”, pair by pair, by evalkit."
    )
    blocking = [text(reason, "detail") for reason in objects(verdict, "reasons") if reason.get("blocking")]
    if blocking:
        yield "\n".join(f"- {inert(detail, 1000)}" for detail in blocking[:20])


def _metrics(verdict: Document) -> Iterator[str]:
    found = objects(verdict, "metrics")
    if not found:
        return
    lines = [
        "| metric, points of 100 | baseline | candidate | difference | 95 % interval | n |",
        "|---|---|---|---|---|---|",
    ]
    for row in found:
        levels = " | ".join(numbers.points(number(row, f"{side}_points")) for side in strings.SIDES)
        ends = pair(row, "ci95_points")
        cells = f"{numbers.signed(number(row, 'delta_points'))} | {numbers.interval(ends) if ends else '–'}"
        lines.append(f"| {inert(text(row, 'metric'))} | {levels} | {cells} | {numbers.count(whole(row, 'n'))} |")
    yield "## Results"
    yield "\n".join(lines)
    yield from (inert(f"{sentence}.", 2000) for sentence in corrected_words(verdict))
    if mix := mix_words(verdict):
        yield inert(f"{text(obj(verdict, 'primary'), 'metric')} is {mix}.", 2000)


def _demands(verdict: Document) -> Iterator[str]:
    rows = asked_rows(verdict)
    if not rows:
        return
    lines = ["| | asked for | asked | got |", "|---|---|---|---|"]
    for row in rows[:100]:
        state = f"{row.mark.sign} {row.mark.word}"
        lines.append(f"| {state} | {inert(row.label)} | {inert(row.asked)} | {inert(row.got)} |")
    yield "## What was asked for, and what came of it"
    yield "\n".join(lines)


def _apart(verdict: Document) -> Iterator[str]:
    rows = differences_table(verdict).rows
    if rows:
        yield "## What differs between the sides"
        lines = ["| | baseline | candidate |", "|---|---|---|"]
        yield "\n".join([*lines, *(f"| {' | '.join(map(inert, row))} |" for row in rows)])


def _lineage(verdict: Document) -> Iterator[str]:
    provenance, identity = obj(verdict, "provenance"), obj(verdict, "identity")
    told: Mapping[str, str] = {
        "run": f"{text(verdict, 'run')}, {text(verdict, 'created')}",
        "suite": f"{text(verdict, 'suite')} ({text(verdict, 'suite_file')})",
        "data, sha256": text(provenance, "data_sha256"),
        "suite fingerprint": text(provenance, "suite_fingerprint"),
        "weights of the candidate, sha256": text(obj(identity, "candidate"), "weights_sha256"),
        "adapter, sha256": text(obj(identity, "candidate"), "adapter_sha256"),
        "weights of the baseline, sha256": text(obj(identity, "baseline"), "weights_sha256"),
        "evalkit": text(provenance, "evalkit"),
        "command": text(provenance, "command"),
    }
    yield "## Lineage"
    yield "\n".join(f"- {label}: {inert(value)}" for label, value in told.items() if value.strip(" ,()"))


def _limits(verdict: Document) -> Iterator[str]:
    yield "## What these numbers take for granted"
    yield "\n".join(f"- {inert(sentence, 1000)}" for sentence in strings.ASSUMPTIONS)
    warnings = [words(sentence) for sentence in items(verdict, "warnings")[:20]]
    if warnings:
        yield "\n".join(f"- warning: {inert(sentence, 500)}" for sentence in warnings)
