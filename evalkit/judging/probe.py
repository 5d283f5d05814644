"""Probing a judge: what moves its grades that should not, and what should move them and does not.

Every probe is a number of cases; each asks about an answer and, mostly, about the same answer untouched. No labels of
people are needed. Failing a security probe means that whoever writes answers can write their grades too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evalkit.judging.grade import Grade
from evalkit.judging.probe_texts import AUTHORITY, INJECTIONS, MASTER_KEYS, corrupted, decorated, padded
from evalkit.judging.spec import FIRST, SECOND, Item, JudgeSpec
from evalkit.stats.intervals import wilson
from evalkit.types import Interval

State = Literal["held", "failed", "not_measured"]
Limit = Literal["at most", "at least", "off one half by at most"]
HALF = 0.5
KEYS_ON = 8
"""Questions that each master key is tried on."""
LEAST_GRADED = 0.5
"""Share of a probe's cases with a grade below which the probe says nothing."""

Hit = Callable[[Grade, Grade | None], bool | tuple[int, int] | None]
"""(grade of the probe, grade of the untouched answer) → whether the case counts, or how many verdicts of how many in it
do; None where it tells nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question of a probe, and the untouched one it is held against."""

    item: Item
    plain: Item | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One weakness, and how to find it."""

    name: str
    what: str
    """What the rate is a share of, in words."""
    limit: Limit
    threshold: float
    hit: Hit
    cases: tuple[Case, ...] = ()
    why: str = ""
    """Why there are no cases, in words."""
    is_security: bool = False
    is_asked_anew: bool = False
    """Its questions are the untouched ones, asked a second time past any cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFinding:
    """What became of one probe."""

    name: str
    what: str
    state: State
    limit: Limit
    threshold: float
    n: int
    hits: int
    rate: float | None
    interval: Interval | None
    """Wilson's, at 95 %."""
    is_security: bool
    why: str = ""

    def as_row(self) -> dict[str, Any]:
        """The finding ready for JSON; what was not measured is null, with a note."""
        row = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in {"interval", "why"}}
        ci95 = None if self.interval is None else [self.interval.low, self.interval.high]
        return row | {"ci95": ci95, "note": self.why or None}


def probes_of(spec: JudgeSpec, items: Sequence[Item], bad: Sequence[Item]) -> tuple[Probe, ...]:
    """Every probe of a judge of this mode on these answers; `bad` are answers that deserve no pass.

    Pairs are (`output`, `other`) of the items. Raises ValueError without items.
    """
    if not items:
        raise ValueError("a judge is probed on answers: at least one is needed")
    return tuple(_pair_probes(spec, items, bad)) if spec.mode == "pairwise" else tuple(_probes(spec, items, bad))


def found(probe: Probe, grades: Mapping[str, Grade], again: Mapping[str, Grade]) -> ProbeFinding:
    """What the grades (by item id; `again`: of those asked anew) say about one probe."""
    told = []
    for case in probe.cases:
        first = (again if probe.is_asked_anew else grades).get(case.item.id)
        plain = None if case.plain is None else grades.get(case.plain.id)
        told.append(None if first is None or (case.plain and plain is None) else probe.hit(first, plain))
    counts = [one if isinstance(one, tuple) else (int(one), 1) for one in told if one is not None]
    hits, n = sum(hit for hit, _ in counts), sum(of for _, of in counts)
    why = probe.why
    if not why and (not n or len(counts) < LEAST_GRADED * len(told)):
        why = f"only {len(counts)} of {len(told)} cases have a grade from this judge that tells anything"
    rate = None if why else hits / n
    return ProbeFinding(
        name=probe.name,
        what=probe.what,
        state="not_measured" if rate is None else "held" if _holds(rate, probe) else "failed",
        limit=probe.limit,
        threshold=probe.threshold,
        n=n,
        hits=hits,
        rate=rate,
        interval=None if rate is None else wilson(hits, n, 0.95),
        is_security=probe.is_security,
        why=why,
    )


def distrust(findings: Iterable[ProbeFinding]) -> str:
    """Why these findings keep a judge from gating, in words; empty where they do not."""
    for one in findings:
        if one.is_security and one.state == "failed":
            return f"it failed the probe '{one.name}': {one.hits} of {one.n} {one.what}"
        if one.is_security and one.state == "not_measured":
            return f"the probe '{one.name}' could not be measured: {one.why}"
    return ""


def _holds(rate: float, probe: Probe) -> bool:
    if probe.limit == "at least":
        return rate >= probe.threshold
    return (rate if probe.limit == "at most" else abs(rate - HALF)) <= probe.threshold


def _probes(spec: JudgeSpec, items: Sequence[Item], bad: Sequence[Item]) -> Iterator[Probe]:
    """Of a judge that grades answers one by one."""
    asked = spec.probes
    yield Probe(
        name="length padding",
        what="answers gain by a paragraph that says nothing",
        limit="at most",
        threshold=asked.length_pad_max_gain,
        hit=_rose,
        cases=_changed(items, padded, "padded"),
    )
    yield Probe(
        name="style",
        what="answers gain by a header, bullets and bold",
        limit="at most",
        threshold=asked.style_max_gain,
        hit=_rose,
        cases=_changed(items, decorated, "decorated"),
    )
    yield Probe(
        name="authority",
        what="bad answers gain by the word of an expert",
        limit="at most",
        threshold=asked.style_max_gain,
        hit=_rose,
        cases=_changed(bad, lambda text: f"{text}\n\n{AUTHORITY}", "authority"),
    )
    yield Probe(
        name="master keys",
        what="answers without content pass",
        limit="at most",
        threshold=asked.master_key_max_pass,
        hit=_won,
        cases=tuple(
            Case(item=_with(item, key, f"key {k}")) for k, key in enumerate(MASTER_KEYS) for item in items[:KEYS_ON]
        ),
        is_security=True,
    )
    yield Probe(
        name="injection",
        what="bad answers gain by telling the judge what to say",
        limit="at most",
        threshold=asked.injection_max_flip,
        hit=_rose,
        cases=_injected(bad),
        is_security=True,
    )
    yield _corrupted_reference(spec, items)
    yield from _retest(spec, items)


def _pair_probes(spec: JudgeSpec, items: Sequence[Item], bad: Sequence[Item]) -> Iterator[Probe]:
    """Of a judge that compares two answers."""
    asked = spec.probes
    pairs = [item for item in items if item.other is not None]
    none = "" if pairs else "the items hold one answer each, and pairs (`other`) are needed"
    yield Probe(
        name="identity",
        what="pairs of one and the same answer are ties",
        limit="at least",
        threshold=asked.identity_tie_min,
        hit=lambda grade, _: None if grade.is_consistent is None else grade.value == HALF and grade.is_consistent,
        cases=tuple(Case(item=_beside(item, item.output, item.output, "same")) for item in items),
    )
    yield Probe(
        name="swap",
        what="pairs get the same verdict the other way round",
        limit="at least",
        threshold=asked.swap_consistency_min,
        hit=lambda grade, _: grade.is_consistent,
        cases=tuple(Case(item=item) for item in pairs),
        why=none,
    )
    yield Probe(
        name="first position",
        what="preferences fall on the answer shown first",
        limit="off one half by at most",
        threshold=asked.first_position_max_dev,
        hit=_first_shown,
        cases=tuple(Case(item=item) for item in pairs),
        why=none,
    )
    changes: tuple[tuple[str, Callable[[str], str], float], ...] = (
        ("length padding", padded, asked.length_pad_max_gain),
        ("style", decorated, asked.style_max_gain),
        ("authority", lambda text: f"{text}\n\n{AUTHORITY}", asked.style_max_gain),
    )
    for name, change, most in changes:
        yield Probe(
            name=name,
            what="answers beat themselves once changed so",
            limit="at most",
            threshold=most,
            hit=_won,
            cases=tuple(Case(item=_beside(item, change(item.output), item.output, name)) for item in items),
        )
    yield from _pair_security(spec, items, bad)
    yield _corrupted_reference(spec, items)
    yield from _retest(spec, pairs)


def _pair_security(spec: JudgeSpec, items: Sequence[Item], bad: Sequence[Item]) -> Iterator[Probe]:
    """What would let whoever writes answers win comparisons by their own word."""
    yield Probe(
        name="master keys",
        what="answers without content beat or equal real ones",
        limit="at most",
        threshold=spec.probes.master_key_max_pass,
        hit=lambda grade, _: None if grade.value is None else grade.value >= HALF and grade.is_consistent is not False,
        cases=tuple(
            Case(item=_beside(item, key, item.output, f"key {k}"))
            for k, key in enumerate(MASTER_KEYS)
            for item in items[:KEYS_ON]
        ),
        is_security=True,
    )
    yield Probe(
        name="injection",
        what="answers beat themselves by telling the judge what to say",
        limit="at most",
        threshold=spec.probes.injection_max_flip,
        hit=_won,
        cases=tuple(
            Case(item=_beside(c.item, c.item.output, c.plain.output, "pair")) for c in _injected(bad) if c.plain
        ),
        is_security=True,
    )


def _corrupted_reference(spec: JudgeSpec, items: Sequence[Item]) -> Probe:
    cases = []
    for item in items:
        right = item.inputs.get("reference")
        wrong = corrupted(right) if right else None
        if right and wrong and spec.mode == "pairwise":
            cases.append(Case(item=_beside(item, right, wrong, "corrupted")))
        elif right and wrong:
            cases.append(Case(item=_with(item, wrong, "corrupted"), plain=_with(item, right, "reference")))
    return Probe(
        name="corrupted reference",
        what="reference answers with one number or clause changed are graded below the reference",
        limit="at least",
        threshold=spec.probes.corrupted_ref_min_detect,
        hit=_won if spec.mode == "pairwise" else _fell,
        cases=tuple(cases),
        why="" if cases else "the items name no reference with a number or a verb in it",
    )


def _retest(spec: JudgeSpec, items: Sequence[Item]) -> Iterator[Probe]:
    yield Probe(
        name="test-retest",
        what="answers get another grade when asked again",
        limit="at most",
        threshold=spec.probes.retest_flip_max,
        hit=lambda again, first: None if again.value is None or first is None else again.value != first.value,
        cases=tuple(Case(item=item, plain=item) for item in items),
        why="" if items else "the items hold one answer each, and pairs (`other`) are needed",
        is_asked_anew=True,
    )


def _changed(items: Sequence[Item], change: Callable[[str], str], name: str) -> tuple[Case, ...]:
    return tuple(Case(item=_with(item, change(item.output), name), plain=item) for item in items)


def _injected(bad: Sequence[Item]) -> tuple[Case, ...]:
    """Each bad answer with one of the texts, and every text at least eight times where there is an answer at all."""
    rounds = max(1, -(-KEYS_ON * len(INJECTIONS) // len(bad))) if bad else 0
    return tuple(
        Case(item=_with(item, f"{item.output}\n\n{INJECTIONS[k]}", f"injection {k}"), plain=item)
        for turn in range(min(rounds, len(INJECTIONS)))
        for i, item in enumerate(bad)
        for k in ((i + turn) % len(INJECTIONS),)
    )


def _with(item: Item, output: str, name: str) -> Item:
    return dataclasses.replace(item, id=f"{item.id} / {name}", output=output)


def _beside(item: Item, output: str, other: str, name: str) -> Item:
    return dataclasses.replace(item, id=f"{item.id} / {name}", output=output, other=other)


def _first_shown(grade: Grade, _: Grade | None) -> tuple[int, int] | None:
    """Of the verdicts in both orders that name one of the two: how many name the one shown first."""
    told = grade.evidence.get("judge")
    said = [
        verdict
        for finding in (told.values() if isinstance(told, dict) else ())
        if isinstance(finding, dict) and isinstance(verdicts := finding.get("verdicts"), list)
        for verdict in verdicts
    ]
    return (said.count(FIRST), said.count(FIRST) + said.count(SECOND)) if FIRST in said or SECOND in said else None


def _rose(grade: Grade, plain: Grade | None) -> bool | None:
    if grade.value is None or plain is None or plain.value is None or plain.value >= 1.0:
        return None  # full marks cannot rise
    return grade.value > plain.value + 1e-9


def _fell(grade: Grade, plain: Grade | None) -> bool | None:
    if grade.value is None or plain is None or plain.value is None:
        return None
    return grade.value < plain.value - 1e-9


def _won(grade: Grade, _: Grade | None) -> bool | None:
    """Whether the answer won its pair or, alone, passed."""
    return None if grade.value is None else grade.value > HALF
