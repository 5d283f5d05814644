"""The use that a verdict makes of its suite's samples: looked up before it is made, written down afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, structs, to_builtins

from evalkit.errors import ExecutionError
from evalkit.fingerprint import fingerprint
from evalkit.report.text import sentence
from evalkit.store.ledger import Book, Use, ledger_path, opened, uses_in
from evalkit.types import ModelIdentity, ModelSpec, Suite, Verdict
from evalkit.types.reuse import Reuse

_COUNTED = frozenset({"ship", "dont_ship", "inconclusive"})
"""Verdicts that chose by the samples; broken evidence and a part of the suite choose nothing."""


class Judged(Struct, frozen=True, kw_only=True):
    """Who is judged, in which run."""

    suite: Suite
    candidate: str
    run: str
    created: str


class Counted(Struct, frozen=True, kw_only=True):
    """What is known of earlier uses, and how this one is written down."""

    reuse: Reuse
    write: Callable[[Verdict], None]


@contextlib.contextmanager
def counted(judged: Judged) -> Iterator[Counted]:
    """Earlier uses of the suite's samples; the ledger is this process's own until the block ends.

    A ledger that cannot be kept is told in `reuse.note` under `reuse: warn`; where uses are limited, it raises
    ExecutionError.
    """
    path = ledger_path()
    with contextlib.ExitStack() as stack:
        book: Book | None = None
        note: str | None
        try:
            book = stack.enter_context(opened(path))
            note = _damage(book, path)
        except ExecutionError as error:
            if judged.suite.gate.reuse.policy != "warn":
                raise
            note = sentence(f"Earlier uses of these samples are not known: {error}")
        reuse = structs.replace(_reuse(book.uses if book else (), judged), note=note)

        def write(verdict: Verdict) -> None:
            if book is not None and verdict.status in _COUNTED and _is_first(book.uses, judged):
                book.add(_use(judged, verdict))

        yield Counted(reuse=reuse, write=write)


def used_before(suite: Suite, candidate: str | None) -> str | None:
    """What a run would find of other candidates these samples have judged, in a sentence; None where it finds none.

    `candidate` is the fingerprint of the one that would be judged, None where nothing is known of it beforehand.
    """
    try:
        uses, _ = uses_in(ledger_path())
    except ExecutionError as error:
        return sentence(str(error))
    others = {use.candidate for use in uses if use.samples == suite.dataset_sha256} - {candidate}
    if not others:
        return None
    told = "one other candidate" if len(others) == 1 else f"{len(others)} other candidates"
    allowed = suite.gate.reuse.max_uses
    if allowed is None:
        return f"these samples have judged {told} before: each one more makes a ship by chance likelier"
    if len(others) < allowed:
        return f"these samples have judged {told} of the {allowed} that gate.reuse allows"
    why = "sealed" if suite.gate.reuse.policy == "sealed" else f"used up (gate.reuse.max_uses: {allowed})"
    return f"a run could not ship: these samples are {why} and have judged {told}; bring fresh samples"


def candidate_fingerprint(spec: ModelSpec, identity: ModelIdentity | None) -> str:
    """The candidate by what it is: its weights where they are known, else the name it is asked by; and its prompt."""
    proven: dict[str, Any] = {}
    if identity is not None and identity.is_fixed and identity.weights_sha256:
        return fingerprint({"answers": identity.weights_sha256})  # recorded: no prompt here made them
    if identity is not None and (identity.weights_sha256 or identity.adapter_sha256):
        proven = {"weights": identity.weights_sha256, "adapter": identity.adapter_sha256}
    else:
        proven = {"backend": spec.backend, "model": spec.model, "endpoint": spec.base_url}
    decoding = to_builtins(spec.generation)
    prompt = to_builtins(spec.prompt)
    return fingerprint({**proven, "prompt": prompt, "generation": decoding})


def _reuse(uses: Sequence[Use], judged: Judged) -> Reuse:
    samples, candidate = judged.suite.dataset_sha256, judged.candidate
    order = list(dict.fromkeys(use.candidate for use in uses if use.samples == samples))
    if candidate not in order:
        order.append(candidate)
    looks = _further_looks(uses, judged)
    return Reuse(
        candidate=candidate,
        samples=samples,
        place=order.index(candidate) + 1 + looks,
        uses=len(order) + looks,
        looks=looks,
    )


def _further_looks(uses: Sequence[Use], judged: Judged) -> int:
    """Looks at this candidate on other versions of the suite's samples; one after "inconclusive" is free."""
    before: dict[str, Use] = {}
    for use in uses:
        is_other = use.samples != judged.suite.dataset_sha256
        if use.suite == judged.suite.name and use.candidate == judged.candidate and is_other:
            before.setdefault(use.samples, use)
    first = next(iter(before.values()), None)
    if first is None:
        return 0
    is_top_up = first.verdict == "inconclusive" and len(judged.suite.samples) > first.n
    return len(before) - (1 if is_top_up else 0)


def _is_first(uses: Sequence[Use], judged: Judged) -> bool:
    this = (judged.suite.dataset_sha256, judged.candidate)
    return this not in {(use.samples, use.candidate) for use in uses}


def _use(judged: Judged, verdict: Verdict) -> Use:
    return Use(
        at=judged.created,
        suite=judged.suite.name,
        samples=judged.suite.dataset_sha256,
        candidate=judged.candidate,
        run=judged.run,
        n=len(judged.suite.samples),
        verdict=verdict.status,
    )


def _damage(book: Book, path: Path) -> str | None:
    if not book.unreadable:
        return None
    lines = "a line" if book.unreadable == 1 else f"{book.unreadable} lines"
    return f"The ledger {path} has {lines} that cannot be read, so uses of these samples may be missing from the count."
