"""What differs between the two sides, and how far the models were proven to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from evalkit import numbers
from evalkit.report.grid import NONE, Table, both_sides
from evalkit.report.read import Document, items, number, obj, objects, text, whole, words


def panel(verdict: Document, manifest: Document) -> Mapping[str, Any]:
    """Declared differences, identities, and what each side is asked."""
    return {
        "differences": differences_table(verdict),
        "identity": identity_table(verdict),
        "identity_sentences": identity_sentences(verdict),
        "prompts": prompts_of(manifest),
    }


_PRICES = {
    "input": "USD for a million input tokens",
    "output": "USD for a million output tokens",
    "cached": "USD for a million input tokens read from the provider’s cache",
    "cache_write": "USD for a million input tokens written into that cache",
    "as_of": "prices as of",
    "batch_factor": "prices of batches: times the ordinary ones",
}


def differences_table(verdict: Document) -> Table:
    """What the two model entries declare differently; of a group of settings only those that differ, one a row."""
    rows = tuple(told for row in objects(verdict, "differences") for told in _apart(row))
    return Table(head=("what", "baseline", "candidate"), rows=rows)


def _apart(row: Document) -> Iterable[tuple[str, str, str]]:
    what, left, right = text(row, "what"), row.get("baseline"), row.get("candidate")
    if not isinstance(left, dict) and not isinstance(right, dict):
        yield what, words(left) or NONE, words(right) or NONE
        return
    sides = [side if isinstance(side, dict) else {} for side in (left, right)]
    for key in dict.fromkeys([*sides[0], *sides[1]]):
        was, now = (side.get(key) for side in sides)
        if was != now:
            label = _PRICES.get(key, key) if what == "price" else f"{what}: {key.replace('_', ' ')}"
            yield label, _plain(was), _plain(now)


def _plain(value: object) -> str:
    """A setting as a person writes it: 0.15, not 0.150000 or JSON."""
    return f"{value:g}" if isinstance(value, float) else words(value) or NONE


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
        note = text(probe, "note")
        found.append(f"{note[:1].upper()}{note[1:]}{'' if note.endswith('.') else '.'}")
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
