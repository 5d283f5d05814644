"""Judging as a second phase of a run: a judge's questions are a part like any other, asked by the same engine.

So they are journaled, cached, limited, paid and resumed as answers are. Their keys are their own: the part's suite is
named for the judge's hash, which keeps grades of two judges apart, and its samples are the items to be judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct, structs

from evalkit.judging.read import Asked, complaint
from evalkit.judging.retest import picked
from evalkit.judging.spec import Item, JudgeSpec
from evalkit.judging.wording import messages
from evalkit.protocols import Backend
from evalkit.run.plan import Part, Side
from evalkit.types import GateSpec, Message, ModelIdentity, ModelSpec, Outcome, PrimarySpec, Sample, Suite

FIRST_TIME, RETEST = "", ", a second time"
"""When a judge is asked about an answer: for its grade, and (some answers, past any cache) to see if that stands."""
_REPHRASED = ", asked again"
"""After either: once more, with what was wrong with the reply."""
Outcomes = Mapping[tuple[str, str], Sequence[Outcome]]
"""(role, item id) → outcomes by vote."""
Read = Callable[[str, Sequence[str]], Outcomes]


class Panel(Struct, frozen=True, kw_only=True):
    """A judge whose models are opened."""

    name: str
    """Of the metric it grades; unique in its suite."""
    suite: str
    """The suite whose answers it grades."""
    spec: JudgeSpec
    """Sealed with what its models proved."""
    backends: Mapping[str, Backend]
    """By member."""
    identities: Mapping[str, ModelIdentity]

    def role(self, member: str) -> str:
        """The role under which this member is asked, which no other side of the run has."""
        return role_of(self.suite, self.name, member)

    def key(self, time: str = FIRST_TIME) -> str:
        """The name of the suite that its questions stand under in the journal."""
        return f"{self.suite}: {self.name} judged by {self.spec.id} {self.spec.judge_hash[:12]}{time}"

    def part(self, items: Iterable[Item], time: str = FIRST_TIME, why: Mapping[str, str] | None = None) -> Part:
        """The questions about these items to every member. `why`: item → what was wrong with the last reply."""
        is_anew = time.startswith(RETEST)
        ordered = {_sample_id(item): item for item in items}
        words = Questions(spec=self.spec, items=ordered, why=why or {})
        models = {self.role(m): structs.replace(spec, role=self.role(m)) for m, spec in self.spec.members.items()}
        suite = Suite(
            name=self.key(time),
            path=self.spec.path,
            root=self.spec.path.parent,
            samples=tuple(Sample(id=name, fields={}) for name in ordered),
            dataset_path=self.spec.path,
            dataset_sha256=self.spec.judge_hash,
            is_locked=False,
            models=models,
            metrics=(),
            gate=GateSpec(primary=PrimarySpec(metric=self.name)),
        )
        sides = {self.role(m): self._side(m, models[self.role(m)], words) for m in self.spec.members}
        return Part(
            suite=suite,
            sides={role: structs.replace(side, is_asked_anew=is_anew) for role, side in sides.items()},
        )

    def _side(self, member: str, spec: ModelSpec, words: Questions) -> Side:
        identity = self.identities[member]
        return Side(spec=spec, backend=self.backends[member], identity=identity, renderer=words)

    def asked(self, items: Sequence[Item], read: Read, time: str = FIRST_TIME) -> list[Asked]:
        """What came of every question about these items, by `read`: (suite's name, sample ids) → outcomes."""
        ids = [_sample_id(item) for item in items]
        first, again = read(self.key(time), ids), read(self.key(time + _REPHRASED), ids)
        return [
            Asked(
                item=item,
                member=member,
                vote=vote,
                first=_at(first.get((self.role(member), name), ()), vote),
                again=_at(again.get((self.role(member), name), ()), vote),
            )
            for item, name in zip(items, ids, strict=True)
            for member in self.spec.members
            for vote in range(self.spec.votes)
        ]

    def unusable(self, items: Sequence[Item], read: Read, time: str = FIRST_TIME) -> dict[str, str]:
        """The items about which some reply has to be asked for again, each with why.

        All members are asked again at all votes: a question differs by its complaint, and only unusable replies count.
        """
        found: dict[str, str] = {}
        for one in self.asked(items, read, time):
            why = complaint(self.spec, one.item, one.first)
            if why is not None:
                found.setdefault(_sample_id(one.item), why)
        return found

    def again(self, items: Sequence[Item], why: Mapping[str, str], time: str = FIRST_TIME) -> Part:
        """The part that asks once more about the items `unusable` found."""
        return self.part([item for item in items if _sample_id(item) in why], time + _REPHRASED, why)


class Questions(Struct, frozen=True, kw_only=True):
    """The judge's turns for the items of a part."""

    spec: JudgeSpec
    items: Mapping[str, Item]
    why: Mapping[str, str]

    def messages(self, sample: Sample) -> tuple[Message, ...]:
        """The turns that ask about the item whose id the sample has."""
        return messages(self.spec, self.items[sample.id], complaint=self.why.get(sample.id))


def role_of(suite: str, metric: str, member: str) -> str:
    """The role of one member of the judge of one metric.

    >>> role_of("triage", "tone", "judge 2")
    'judge 2 of tone (triage)'
    """
    return f"{member} of {metric} ({suite})"


def asked_twice(panel: Panel, ids: Iterable[str]) -> frozenset[str]:
    """The items whose grade is tried a second time; none where recorded replies would only be read again."""
    is_recorded = all(identity.is_fixed for identity in panel.identities.values())
    return frozenset() if is_recorded else picked(ids, panel.spec.retest)


def both_orders(item: Item) -> tuple[Item, ...]:
    """The item, and for a pair the same pair the other way round."""
    return (item,) if item.other is None else (item, item.swapped())


def _sample_id(item: Item) -> str:
    return item.id if item.other is None else f"{item.id} {item.order}"


def _at(outcomes: Sequence[Outcome], vote: int) -> Outcome | None:
    return outcomes[vote] if vote < len(outcomes) else None
