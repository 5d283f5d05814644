"""What is counted of a judge over one suite's answers, and how it is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

from msgspec import Struct, field

from evalkit.judging.grade import Grade
from evalkit.judging.read import Asked
from evalkit.judging.retest import Retest
from evalkit.judging.spec import Item, JudgeSpec
from evalkit.types import Outcome, Response


class Tally(Struct, kw_only=True):
    """Filled item by item."""

    spec: JudgeSpec
    asked: int = 0
    graded: int = 0
    asked_again: int = 0
    injections: int = 0
    absent: Counter[str] = field(default_factory=Counter)
    """Input → items that had none of it."""
    problems: Counter[str] = field(default_factory=Counter)
    """Why replies could not be used → how many."""
    results: Counter[str] = field(default_factory=Counter)
    """Of pairs: win, tie, loss, inconsistent."""
    agreements: list[float] = field(default_factory=list)
    served: dict[str, set[str]] = field(default_factory=dict)
    """Member → the names its server put on the replies that its grades come from."""
    served_again: dict[str, set[str]] = field(default_factory=dict)
    """The same of the replies that only show whether a grade stands: an alias may have moved since the grades."""
    input_tokens: int = 0
    output_tokens: int = 0
    replies: int = 0
    cached: int = 0
    """Replies of earlier runs, which this one neither paid for nor waited for."""
    uncounted: int = 0
    """Other replies whose tokens the server did not count."""
    usd: float = 0.0
    is_unpriced: bool = False
    retest: Retest = field(default_factory=Retest)

    def add(self, item: Item, made: Grade, replies: Sequence[Asked]) -> None:
        """Counts one item, its grade and every reply about it."""
        self.asked += 1
        self.graded += made.value is not None
        self.asked_again += any(reply.again is not None for reply in replies)
        self.injections += made.injection_attempt
        self.absent.update(name for name, text in item.inputs.items() if text is None)
        if made.agreement is not None:
            self.agreements.append(made.agreement)
        if made.value is None:
            told = made.evidence.get("judge")
            self.problems[str(told.get("error", "split votes")) if isinstance(told, dict) else "no reply"] += 1
        elif self.spec.mode == "pairwise":
            self.results[{1.0: "win", 0.0: "loss"}.get(made.value, "tie")] += 1
            self.results["inconsistent"] += made.is_consistent is False
        _note_names(replies, self.served)
        self._pay_all(replies)

    def again(self, made: Grade, second: Grade, replies: Sequence[Asked]) -> None:
        """Counts an answer that was put to the judge a second time (after `add`); its grade is the first one's."""
        if any(name not in self.served.get(member, {name}) for member, name in _names(replies)):
            self.retest.add_other()
        else:
            self.retest.add(made, second)
        _note_names(replies, self.served_again)
        self._pay_all(replies)

    def same(self) -> None:
        """A pair whose answers are the same: a tie that nobody has to be asked about."""
        self.results["tie"] += 1

    def _pay_all(self, replies: Sequence[Asked]) -> None:
        for reply in replies:
            for outcome in (reply.first, reply.again):
                self._pay(reply.member, outcome)

    def _pay(self, member: str, outcome: Outcome | None) -> None:
        if not isinstance(outcome, Response):
            return
        self.replies += 1
        if outcome.is_cached:
            self.cached += 1
            return
        usage, price = outcome.usage, self.spec.members[member].price
        self.input_tokens += usage.input_tokens or 0
        self.output_tokens += usage.output_tokens or 0
        usd = price.usd(usage) if price is not None else None
        self.uncounted += usage.input_tokens is None or usage.output_tokens is None
        self.is_unpriced |= usd is None
        self.usd += usd or 0.0

    def document(self) -> dict[str, Any]:
        """The judge in verdict.json; a number that was not measured is null."""
        spec = self.spec
        return {
            "id": spec.id,
            "version": spec.version,
            "hash": spec.judge_hash,
            "mode": spec.mode,
            "model": spec.model.model or spec.model.backend,
            "panel": [member.model or member.backend for member in spec.panel],
            "votes": spec.votes,
            "n": self.graded,
            "asked": self.asked,
            "asked_again": self.asked_again,
            "errors": self.asked - self.graded,
            "problems": dict(self.problems.most_common(5)),
            "injection_attempts": self.injections,
            "agreement": round(fmean(self.agreements), 4) if self.agreements else None,
            "retest": self.retest.document(),
            "pairs": self._pairs(),
            "cost": self._cost(),
        }

    def _pairs(self) -> dict[str, int] | None:
        if self.spec.mode != "pairwise":
            return None
        found = self.results
        return {
            "wins": found["win"],
            "ties": found["tie"],
            "losses": found["loss"],
            "inconsistent": found["inconsistent"],
        }

    def _cost(self) -> dict[str, Any]:
        """Of what this run itself asked; a reply that came from the cache has cost an earlier run."""
        is_counted = self.uncounted == 0
        notes = [] if is_counted else [f"{self.uncounted:,} replies came without a count of tokens"]
        if is_counted and self.is_unpriced:
            notes = ["price unknown: the judge's model names none"]
        if self.cached:
            notes.append(f"{self.cached:,} of {self.replies:,} replies came from the cache and are not in it")
        return {
            "usd": None if self.is_unpriced else round(self.usd, 6),
            "input_tokens": self.input_tokens if is_counted else None,
            "output_tokens": self.output_tokens if is_counted else None,
            "cached": self.cached,
            "note": "; ".join(notes) or None,
        }

    def warnings(self, metric: str) -> Iterator[str]:
        """What a reader should know of this judge, a sentence each."""
        if missing := self.asked - self.graded:
            why, _ = self.problems.most_common(1)[0]
            yield (
                f"The judge of '{metric}' gave no usable grade on {missing:,} of {self.asked:,} answers, which are "
                f"unscored; most often: {why}."
            )
        if self.injections:
            yield (
                f"The judge of '{metric}' saw {self.injections:,} of {self.asked:,} answers try to influence their "
                "grade: look at them in judgments.jsonl (injection_attempt)."
            )
        yield from self._moved(metric)
        if changed := self.retest.warning(metric, self.spec):
            yield changed
        for name, count in self.absent.items():
            yield f"The judge of '{metric}' asks for {name}, and {count:,} of {self.asked:,} answers had none to show."

    def _moved(self, metric: str) -> Iterator[str]:
        """A sentence for each member behind whose name another model stood when it was asked again."""
        for member, names in self.served_again.items():
            before = self.served.get(member, names)
            if names - before:
                yield (
                    f"The judge of '{metric}' ({self.spec.members[member].model}) graded as {_listed(before)} and, "
                    f"asked again, answered as {_listed(names)}: another model stands behind that name since. Its "
                    "first grades count; second ones by another model are left out of the share of equal grades. Pin "
                    "the version, and run with --no-cache to have all answers graded by it."
                )


def _names(replies: Sequence[Asked]) -> Iterator[tuple[str, str]]:
    """(member, the name its server put on a reply) of every reply that has one."""
    for reply in replies:
        for outcome in (reply.first, reply.again):
            if isinstance(outcome, Response) and outcome.served_model:
                yield reply.member, outcome.served_model


def _note_names(replies: Sequence[Asked], found: dict[str, set[str]]) -> None:
    for member, name in _names(replies):
        found.setdefault(member, set()).add(name)


def _listed(names: set[str]) -> str:
    return " and as ".join(sorted(names))
