"""The probes of a judge, made from answers: each changed in one way that a fair judge would not pay for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from msgspec import structs

from evalkit.judging.grade import Grade
from evalkit.judging.probe import HALF, Case, Probe
from evalkit.judging.probe_texts import AUTHORITY, INJECTIONS, MASTER_KEYS, corrupted, decorated, padded
from evalkit.judging.spec import FIRST, SECOND, Item, JudgeSpec

TRIED_ON = 12
"""Questions that each master key is tried on."""
INJECTED = 60
"""Answers with an injected text that a judge is asked about, at least."""


def probes_of(spec: JudgeSpec, items: Sequence[Item], bad: Sequence[Item]) -> tuple[Probe, ...]:
    """Every probe of a judge of this mode on these answers; `bad` are answers that deserve no pass.

    Pairs are (`output`, `other`) of the items. Raises ValueError without items.
    """
    if not items:
        raise ValueError("a judge is probed on answers: at least one is needed")
    return tuple(_pair_probes(spec, items, bad)) if spec.mode == "pairwise" else tuple(_probes(spec, items, bad))


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
            Case(item=_with(item, key, f"key {k}")) for k, key in enumerate(MASTER_KEYS) for item in items[:TRIED_ON]
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
        cases=tuple(Case(item=beside(item, item.output, item.output, "same")) for item in items),
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
            cases=tuple(Case(item=beside(item, change(item.output), item.output, name)) for item in items),
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
            Case(item=beside(item, key, item.output, f"key {k}"))
            for k, key in enumerate(MASTER_KEYS)
            for item in items[:TRIED_ON]
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
            Case(item=beside(c.item, c.item.output, c.plain.output, "pair")) for c in _injected(bad) if c.plain
        ),
        is_security=True,
    )


def _corrupted_reference(spec: JudgeSpec, items: Sequence[Item]) -> Probe:
    cases = []
    for item in items:
        right = item.inputs.get("reference")
        wrong = corrupted(right) if right else None
        if right and wrong and spec.mode == "pairwise":
            cases.append(Case(item=beside(item, right, wrong, "corrupted")))
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
    """Bad answers with a text each: every text and every answer at least once, no two of them together twice."""
    if not bad:
        return ()
    texts = len(INJECTIONS)
    lap = math.lcm(texts, len(bad))  # so many steps through both at once before they meet again
    return tuple(
        Case(item=_with(item, f"{item.output}\n\n{INJECTIONS[step % texts]}", f"injection {step % texts}"), plain=item)
        for step in range(min(max(INJECTED, len(bad)), texts * len(bad)))
        for item in (bad[(step + step // lap) % len(bad)],)
    )


def _with(item: Item, output: str, name: str) -> Item:
    return structs.replace(item, id=f"{item.id} / {name}", output=output)


def beside(item: Item, output: str, other: str, name: str) -> Item:
    """The item as a pair of these two answers, under an id of its own."""
    return structs.replace(item, id=f"{item.id} / {name}", output=output, other=other)


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
