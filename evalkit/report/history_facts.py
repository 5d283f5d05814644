"""What a run rested on, as digests and names, and what of it is another than in the runs before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from evalkit.fingerprint import fingerprint
from evalkit.report.read import Document, items, obj, objects, text
from evalkit.report.strings import SIDES

Fact = tuple[str, str]
"""(what, side); the side is empty for what both share."""
_FILES = frozenset({"schema", "response_schema", "judge", "metric"})
"""The options that may name a file (`metric`: hf_evaluate's script); other texts may look like a path and are none."""
DATA: Fact = ("data", "")
METRIC: Fact = ("metric", "")
_REST: Fact = ("something else in the suite", "")


class Recorded(Struct, frozen=True, kw_only=True):
    """A finished run as it lies in the folder of reports."""

    folder: str
    verdict: Document
    manifest: Document | None
    """None where it is missing or damaged; what only it tells is then unknown."""


def facts_of(run: Recorded) -> dict[Fact, str]:
    """What is known of what the run rested on. A key that is absent is unknown, which is not the same as changed."""
    provenance, manifest = obj(run.verdict, "provenance"), run.manifest
    found: dict[Fact, str] = {
        DATA: text(provenance, "data_sha256"),
        ("evalkit", ""): text(provenance, "evalkit"),
        _REST: text(provenance, "suite_fingerprint"),
    }
    if manifest is not None:
        suite = obj(manifest, "suite")
        name = text(obj(run.verdict, "primary"), "metric")
        defined = next((m for m in objects(suite, "metrics") if text(m, "name") == name), {})
        # A judge whose rubric or model changed is another metric, however the suite names it.
        judge = next((text(j, "hash") for j in objects(run.verdict, "judges") if text(j, "metric") == name), None)
        known = {key: value for key, value in defined.items() if not (judge and key == "judge")}
        told = _by_content(known, obj(manifest, "digests"))
        found[METRIC] = fingerprint({"metric": told, "name": name} | ({"judge": judge} if judge else {}))
        found["gate", ""] = fingerprint(dict(obj(suite, "gate")))
    for side in SIDES:
        found |= {(what, side): told for what, told in _side_facts(run, side).items()}
    return {fact: told for fact, told in found.items() if told}


def changes(facts: Mapping[Fact, str], known: Mapping[Fact, str]) -> list[dict[str, str | None]]:
    """What differs from the last that was `known`: [{what, side}], the side being `both` where both changed alike."""
    moved = [fact for fact in facts if fact in known and known[fact] != facts[fact]]
    told: dict[str, list[str]] = {}
    for what, side in moved:
        told.setdefault(what, []).append(side)
    if set(told) - {_REST[0]}:
        told.pop(_REST[0], None)  # what changed has a name of its own
    return [
        {"what": what, "side": "both" if len(sides) == len(SIDES) else (sides[0] or None)}
        for what, sides in told.items()
    ]


def change_words(moved: Sequence[Document]) -> str:
    """The changes as a reader wants them: "data, prompt of the candidate"; empty where nothing changed."""
    return ", ".join(
        text(one, "what") + {"": "", "both": " of both"}.get(text(one, "side"), f" of the {text(one, 'side')}")
        for one in moved
    )


def model_document(run: Recorded, side: str) -> dict[str, Any]:
    """Who stood on this side, and a fingerprint of it that only a run of the very same side shares."""
    identity, facts = obj(obj(run.verdict, "identity"), side), _side_facts(run, side)
    is_whole = {"model", "prompt", "settings", "engine"} <= facts.keys()
    return {
        "served_model": identity.get("served_model"),
        "weights_sha256": identity.get("weights_sha256"),
        "adapter_sha256": identity.get("adapter_sha256"),
        "engine": facts.get("engine"),
        "fingerprint": fingerprint(facts) if is_whole else None,
        "is_proven": bool(identity.get("weights_sha256")),
    }


def _side_facts(run: Recorded, side: str) -> dict[str, str]:
    identity = obj(obj(run.verdict, "identity"), side)
    declared = _declared(run, side)
    engine = " ".join(filter(None, (text(identity, key) for key in ("engine", "engine_version", "endpoint"))))
    model = text(identity, "weights_sha256") or text(identity, "served_model") or text(declared, "model")
    found = {"model": model, "engine": engine}
    if model:
        found["adapter"] = text(identity, "adapter_sha256") or text(declared, "adapter") or "none"
    if run.manifest is not None:
        prompt = obj(obj(run.manifest, "prompts"), _role(run, side))
        suite = obj(run.manifest, "suite")
        found["prompt"] = fingerprint(_prompt(prompt)) if prompt else ""
        generation = dict(obj(suite, "generation")) | dict(obj(declared, "generation"))
        found["settings"] = fingerprint(_by_content(generation, obj(run.manifest, "digests")))
    return {what: told for what, told in found.items() if told}


def _by_content(declared: Document, digests: Document) -> dict[str, Any]:
    """What was declared, with the digest of a file for its path: a version in another folder names it otherwise.

    The keys of `digests` are paths from elsewhere, so a file is known by how its path ends; where that fits several
    files, the path stays.
    """
    told = dict(declared)
    for key in _FILES & declared.keys():
        value = declared[key]
        tail = value.split("../")[-1] if isinstance(value, str) else ""
        found = {text(digests, path) for path in digests if tail and f"/{path}".endswith(f"/{tail}")}
        if len(found) == 1:
            told[key] = {"sha256": found.pop()}
    return told


def _prompt(prompt: Document) -> dict[str, Any]:
    """What of a prompt does not come from the samples."""
    told: dict[str, Any] = {key: prompt.get(key) for key in ("system", "template", "shots")}
    if prompt.get("template") is not None:  # without one, the messages are a sample's own
        told["before"] = items(prompt, "example_messages")[:-1]
    return told


def _declared(run: Recorded, side: str) -> Document:
    models = obj(obj(run.manifest or {}, "suite"), "models")
    return obj(models, side) or obj(obj(models, "baselines"), _role(run, side))


def _role(run: Recorded, side: str) -> str:
    """The name a side has in the manifest: of several baselines, the one that decided."""
    return (text(run.verdict, "against") or side) if side == "baseline" else side
