"""What a judge replied, read strictly: a verdict on every criterion, or the reason why there is none. Pure.

Nothing is guessed: a reply that is not the one JSON object that was asked for is no evidence. Looking for a verdict in
prose would find those that an answer under judgement has put there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from msgspec import Struct

from evalkit.judging.spec import JUDGE, Criterion, Item, JudgeSpec, Judgment
from evalkit.judging.wording import shown
from evalkit.types import Failure, Outcome, Response, Usage

_FENCE = re.compile(r"\A```(?:json)?[ \t]*\n(.*)\n```\Z", re.DOTALL)
_FINDING_KEYS = {"evidence", "reasoning", "verdict"}
MAX_REPLY_CHARS = 100_000
"""Longer replies are not read: no verdict takes as much."""


class Finding(Struct, frozen=True, kw_only=True):
    """A reply's word on one criterion."""

    verdict: str
    evidence: tuple[str, ...]
    reasoning: str


class Reply(Struct, frozen=True, kw_only=True):
    """A reply that could be used."""

    findings: Mapping[str, Finding]
    """By criterion, every one of them."""
    injection_attempt: bool


class Asked(Struct, frozen=True, kw_only=True):
    """Who was asked about what, and what came of it."""

    item: Item
    member: str = JUDGE
    vote: int = 0
    first: Outcome | None = None
    again: Outcome | None = None
    """What came of asking a second time, where the first reply could not be used."""


class Unreadable(ValueError):
    """A reply that says nothing usable; the message says why, in words that quote nothing of it."""


def complaint(spec: JudgeSpec, item: Item, outcome: Outcome | None) -> str | None:
    """Why a reply has to be asked for again; None where it can be used, or there is none (which was tried enough)."""
    if not isinstance(outcome, Response):
        return None
    try:
        read(spec, item, outcome)
    except Unreadable as error:
        return str(error)
    return None


def judgments(spec: JudgeSpec, asked: Asked) -> tuple[Judgment, ...]:
    """One judgment a criterion: the verdict of the first usable reply, or the error all of them share."""
    answers = [outcome for outcome in (asked.first, asked.again) if outcome is not None]
    why = "the judge was not asked"
    for outcome in answers:
        try:
            reply = read(spec, asked.item, outcome)
        except Unreadable as error:
            why = str(error)
            continue
        return tuple(_judgment(spec, asked, one, reply, _usage(answers)) for one in spec.criteria)
    return tuple(_missing(spec, asked, one, why, _usage(answers)) for one in spec.criteria)


def read(spec: JudgeSpec, item: Item, outcome: Outcome) -> Reply:
    """The reply with every quote found in the judged text. Raises Unreadable for anything else."""
    if isinstance(outcome, Failure):
        raise Unreadable(f"no reply was had from the judge ({outcome.kind})")
    if outcome.finish == "refusal":
        raise Unreadable("the judge's provider blocked the reply")
    document = _document(outcome)
    _keys(document, {"criteria", "injection_attempt"}, "the reply")
    if not isinstance(document["injection_attempt"], bool):
        raise Unreadable("injection_attempt is neither true nor false")
    criteria = document["criteria"]
    _keys(criteria, {one.id for one in spec.criteria}, "criteria")
    findings = {one.id: _finding(one, criteria[one.id]) for one in spec.criteria}
    judged = [_plain(shown(text, spec)) for text in (item.output, item.other or "")]
    for name, finding in findings.items():
        if not all(_stands_in(quote, judged) for quote in finding.evidence):
            raise Unreadable(f"a quote of {name} does not stand in the judged text")
    return Reply(findings=findings, injection_attempt=document["injection_attempt"])


def _document(reply: Response) -> Any:
    text = reply.text.strip()
    if len(text) > MAX_REPLY_CHARS:
        raise Unreadable("it is longer than any verdict")
    if (fenced := _FENCE.match(text)) is not None:
        text = fenced[1]
    try:
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        cut = ": it was cut at max_tokens" if reply.finish == "length" else ""
        raise Unreadable(f"it is not one JSON object{cut}") from None


def _refuse(_: str) -> NoReturn:
    raise ValueError("not a number that JSON knows")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found


def _keys(value: Any, wanted: set[str], what: str) -> None:
    if not isinstance(value, dict):
        raise Unreadable(f"{what} is no JSON object")
    if missing := wanted - value.keys():
        raise Unreadable(f"{what} lacks {min(missing)}")
    if len(value) > len(wanted):
        raise Unreadable(f"{what} has keys that were not asked for")


def _finding(criterion: Criterion, value: Any) -> Finding:
    _keys(value, _FINDING_KEYS, criterion.id)
    evidence, verdict = value["evidence"], value["verdict"]
    if not isinstance(evidence, list) or not all(isinstance(quote, str) for quote in evidence):
        raise Unreadable(f"evidence of {criterion.id} is no list of texts")
    if not isinstance(value["reasoning"], str):
        raise Unreadable(f"reasoning of {criterion.id} is no text")
    if isinstance(verdict, int) and not isinstance(verdict, bool):
        verdict = str(verdict)  # a mark written as a number is the same mark
    if not isinstance(verdict, str) or verdict not in criterion.verdicts:
        raise Unreadable(f"the verdict on {criterion.id} is none of {', '.join(criterion.verdicts)}")
    quotes = tuple(quote for quote in evidence if quote.strip())
    return Finding(verdict=verdict, evidence=quotes, reasoning=value["reasoning"])


def _stands_in(quote: str, judged: Sequence[str]) -> bool:
    """Whether the quote is part of what was judged, line breaks and the blocks' escape of `<` aside."""
    wanted = _plain(quote.replace("\\u003c", "<"))
    return any(wanted in text for text in judged)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _judgment(spec: JudgeSpec, asked: Asked, criterion: Criterion, reply: Reply, usage: Usage) -> Judgment:
    finding = reply.findings[criterion.id]
    share = criterion.share(finding.verdict)
    is_swapped = spec.mode == "pairwise" and asked.item.order == "ba"
    return Judgment(
        item_id=asked.item.id,
        role="",
        judge_hash=spec.judge_hash,
        member=asked.member,
        criterion=criterion.id,
        verdict=finding.verdict,
        score=1.0 - share if is_swapped else share,
        evidence=finding.evidence,
        evidence_ok=True,
        reasoning=finding.reasoning,
        injection_attempt=reply.injection_attempt,
        order=asked.item.order if spec.mode == "pairwise" else None,
        vote=asked.vote,
        usage=usage,
    )


def _missing(spec: JudgeSpec, asked: Asked, criterion: Criterion, why: str, usage: Usage) -> Judgment:
    return Judgment(
        item_id=asked.item.id,
        role="",
        judge_hash=spec.judge_hash,
        member=asked.member,
        criterion=criterion.id,
        evidence_ok=False if "quote" in why else None,
        order=asked.item.order if spec.mode == "pairwise" else None,
        vote=asked.vote,
        usage=usage,
        error=why,
    )


def _usage(outcomes: list[Outcome]) -> Usage:
    """Tokens of all replies together; None where the server counted none of them."""
    counted = [each.usage for each in outcomes if isinstance(each, Response)]
    asked = [usage.input_tokens for usage in counted if usage.input_tokens is not None]
    said = [usage.output_tokens for usage in counted if usage.output_tokens is not None]
    return Usage(input_tokens=sum(asked) if asked else None, output_tokens=sum(said) if said else None)
