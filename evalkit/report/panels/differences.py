"""What differs between the two sides, and how far the models were proven to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit import numbers
from evalkit.report.grid import Table, both_sides
from evalkit.report.read import Document, items, number, obj, objects, text, whole, words


def panel(verdict: Document, manifest: Document) -> Mapping[str, Any]:
    """Declared differences, identities, and what each side is asked."""
    return {
        "differences": differences_table(verdict),
        "identity": identity_table(verdict),
        "identity_sentences": identity_sentences(verdict),
        "prompts": prompts_of(manifest),
    }


def differences_table(verdict: Document) -> Table:
    """What the two model entries declare differently."""
    rows = tuple(
        (text(row, "what"), plainly(row.get("baseline")), plainly(row.get("candidate")))
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
    return both_sides(obj(verdict, "identity"), labels, lambda side, key: text(side, key) or "not known")


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
