"""What kind of failure a wrong answer is, by rule, and what teams do about each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Literal

from msgspec import Struct

from evalkit.metrics.read import NO_JSON, Unreadable, read_json
from evalkit.metrics.refusal import refusal_in

Kind = Literal["truncated", "refusal", "unparseable", "schema", "behaviour", "label", "task", "knowledge"]
KINDS: tuple[Kind, ...] = ("truncated", "refusal", "unparseable", "schema", "behaviour", "label", "task", "knowledge")
BEHAVIOUR = frozenset({"language", "length", "contains", "not_contains", "regex", "tool_call", "refusal"})
"""Metrics of how an answer is given rather than of what it says."""
LABELS = frozenset({"accuracy", "balanced_accuracy", "f1", "kappa", "mcc", "precision", "recall"})
"""Metrics of which of a few labels an answer names."""
TASKS = frozenset({"sql"})
"""Metrics of an answer that is made from what was asked and looked up nowhere."""
LEVERS: Mapping[Kind, str] = {
    "truncated": "raise generation.max_tokens, or ask for shorter answers in the prompt",
    "refusal": "say in the prompt what may be answered, and train on requests like these with their answers",
    "unparseable": "constrain the output (generation.response_schema), show its form in the prompt, or read JSON "
    "out of a fence or other text, too (extract: fenced)",
    "schema": "constrain the output (generation.response_schema), and look for training rows that break it",
    "behaviour": "fine-tuning is the lever for behaviour: add rows that show it, after a clear rule in the prompt",
    "label": "see which labels are taken for which, draw that line in the prompt, then train on rows of both",
    "task": "put the rule and worked examples into the prompt, then train on rows like these; retrieval adds nothing",
    "knowledge": "facts come from retrieval (RAG) or the prompt rather than fine-tuning; read their labels too",
}
_WORDS: Mapping[Kind, str] = {
    "truncated": "length (cut at max_tokens)",
    "unparseable": "format (cannot be read)",
    "schema": "format (against the schema)",
    "label": "judgement (the wrong label)",
    "task": "the task itself (what was asked holds all it takes)",
}


class Reading(Struct, frozen=True, kw_only=True):
    """How the rows of a run are read."""

    primary: str
    types: Mapping[str, str]
    """Metric → its type."""
    has_labels: bool = False
    """The targets are a few labels (`are_labels`), whichever metric compares them."""
    has_given: bool = False
    """The targets can be read from what was asked (`are_given`), or are made from it."""

    def kind(self, row: Mapping[str, Any], side: str) -> Kind | None:
        """The kind of this side's failure on a row of samples.jsonl, or None.

        There is none where the answer is right, was never given or scored, or is right in part and no rule says what it
        lacks.
        """
        answer, scores = row.get(side) or {}, row.get("scores") or {}
        status, score = answer.get("status"), (scores.get(self.primary) or {}).get(side)
        if status in {"failed", "missing", None} or (isinstance(score, int | float) and score >= 1.0):
            return None
        text = str(answer.get("text") or "")
        if status == "truncated" or answer.get("finish") == "length":
            return "truncated"
        if status == "refused" or refusal_in(text) is not None:
            return "refusal"
        if (
            not text.strip()
            or self._is_unread(scores, side)
            or (isinstance(row.get("target"), dict) and _is_no_json(text))
        ):
            return "unparseable"
        failed = {self.types.get(name) for name, found in scores.items() if _below(found.get(side))}
        evidence = (scores.get(self.primary) or {}).get(f"{side}_evidence") or {}
        if "json_schema" not in failed and "unreadable" in evidence:
            return "unparseable"
        return self._kind_of_words(score, failed)

    def _is_unread(self, scores: Mapping[str, Any], side: str) -> bool:
        """Whether the primary metric or a schema found no JSON: none, or one among words where it alone is read.

        The answers a schema counts as such (`findings`) are then of this kind, and of no other for being so.
        """
        asked = [name for name in scores if name == self.primary or self.types.get(name) == "json_schema"]
        found = [scores[name].get(f"{side}_evidence") or {} for name in asked if _below(scores[name].get(side))]
        whys = [why for evidence in found for why in (evidence.get("unreadable"), *(evidence.get("errors") or ()))]
        return any(str(why).startswith(NO_JSON) for why in whys)

    def _kind_of_words(self, score: Any, failed: AbstractSet[str | None]) -> Kind | None:
        """The kind of a readable answer's failure, by the types of the metrics that it fails."""
        if not isinstance(score, int | float):
            return None  # nobody could say whether it is right
        if "json_schema" in failed:
            return "schema"
        if failed & BEHAVIOUR:
            return "behaviour"
        if failed & LABELS or (self.has_labels and score <= 0.0):
            return "label"
        if self.has_given:
            return "task"
        # Partly right (ROUGE, a judge's grade): no rule says of what kind the rest is.
        return "knowledge" if score <= 0.0 else None

    def falls_short(self, row: Mapping[str, Any], side: str) -> bool:
        """Whether this side's answer was scored as not wholly right."""
        return _below(((row.get("scores") or {}).get(self.primary) or {}).get(side))


def counted(rows: Iterable[Mapping[str, Any]], reading: Reading) -> dict[str, Any]:
    """Failures by kind for both sides and for the samples the candidate broke, and what to do about most of those.

    Failures without a kind are counted under none; `lever` says how many there are in all, and is None where the
    candidate has none with a kind.
    """
    sides: dict[str, Counter[Kind]] = {"baseline": Counter(), "candidate": Counter()}
    broken: Counter[Kind] = Counter()
    n_broken = n_wrong = 0
    for row in rows:
        kinds = {side: reading.kind(row, side) for side in sides}
        for side, kind in kinds.items():
            if kind is not None:
                sides[side][kind] += 1
        mine, is_broken = kinds["candidate"], row.get("flip") == "broken"
        if mine is not None and is_broken:
            broken[mine] += 1
        n_broken += is_broken
        n_wrong += mine is not None or reading.falls_short(row, "candidate")
    looked_at = broken or sides["candidate"]
    most = max(KINDS, key=lambda kind: looked_at[kind])
    told = {name: {kind: counter[kind] for kind in KINDS if counter[kind]} for name, counter in sides.items()}
    return told | {
        "broken": {kind: broken[kind] for kind in KINDS if broken[kind]},
        "lever": _lever(most, looked_at[most], n_broken if broken else n_wrong, is_broken=bool(broken))
        if looked_at
        else None,
    }


def _lever(kind: Kind, n: int, total: int, *, is_broken: bool) -> str:
    what = f"{_WORDS.get(kind, kind)}: {LEVERS[kind]}."
    if total == 1:
        return f"The one {'sample the candidate broke' if is_broken else 'wrong answer'} is a failure of {what}"
    whose = "samples the candidate broke" if is_broken else "answers the candidate got wrong"
    return f"Of {total:,} {whose}, {n:,} {'is a failure' if n == 1 else 'are failures'} of {what}"


def _below(score: Any) -> bool:
    return isinstance(score, int | float) and score < 1.0


def _is_no_json(text: str) -> bool:
    return isinstance(read_json(text, "fenced"), Unreadable)
