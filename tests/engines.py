"""The engine on a virtual clock, against a backend made of a script."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from types import MappingProxyType

from evalkit.errors import ExecutionError, Interrupted
from evalkit.run.engine import Engine
from evalkit.run.plan import Part, Side
from evalkit.run.progress import Progress
from evalkit.run.spending import Limits, Spending
from evalkit.store.journal import Journal
from evalkit.testing import VirtualClock
from evalkit.types import Failure, Generation, Message, ModelIdentity, ModelSpec, Response, Sample, Usage


@dataclass
class Scripted:
    """A backend that raises what its script says for a sample's n-th attempt, else answers."""

    errors: dict = field(default_factory=dict)
    concurrency: int = 4
    asked: list = field(default_factory=list)

    async def open(self):
        return ModelIdentity()

    def wire(self, request):
        return {"m": [m.content for m in request.messages]}

    async def answer(self, request):
        sample = request.key.sample_id
        self.asked.append(sample)
        await asyncio.sleep(0)
        script = self.errors.get(sample, self.errors.get("*", []))
        attempt = self.asked.count(sample) - 1
        if callable(script):
            raise script()
        if attempt < len(script):
            raise script[attempt]
        return Response(text=sample, finish="stop", usage=Usage(input_tokens=10, output_tokens=5))

    async def close(self):
        pass


class Plain:
    def messages(self, sample):
        return (Message(role="user", content=sample.id),)


@dataclass
class FewSamples:
    name: str
    samples: tuple


def part(backend, n=10, *, endpoint="", price=None, **generation):
    suite = FewSamples("s", tuple(Sample(id=str(i), fields={}) for i in range(n)))
    sides = {
        role: Side(
            spec=ModelSpec(role=role, backend="x", price=price, generation=Generation(**generation)),
            backend=backend,
            identity=ModelIdentity(weights_sha256=role, endpoint=endpoint),
            renderer=Plain(),
        )
        for role in ("baseline", "candidate")
    }
    return Part(suite=suite, sides=MappingProxyType(sides))


class Memory:
    """A journal that takes no time: the real one's thread would let a virtual clock run ahead of it."""

    def __init__(self):
        self.rows = {}

    async def append(self, key, request, outcome):
        self.rows[key] = outcome

    def answered(self):
        return {key for key, outcome in self.rows.items() if isinstance(outcome, Response)}

    def failed(self):
        return {key for key, outcome in self.rows.items() if isinstance(outcome, Failure)}

    def outcomes(self, suite):
        return sorted(self.rows.items(), key=lambda row: (row[0].sample_id, row[0].repeat, row[0].role))


def run(path, work, *, clock=None, progress=None, cache=None, **limits):
    """(outcomes by role and sample, error or None); the journal lies in the folder `path`, or nowhere for None."""
    clock = clock or VirtualClock()
    error = None
    wanted = Limits(**({"concurrency": 4, "timeout_s": 30.0} | limits))

    async def go():
        nonlocal error
        opened = contextlib.nullcontext(Memory()) if path is None else Journal.open(path / "journal.sqlite")
        with opened as journal:
            engine = Engine(
                journal=journal,
                cache=cache,
                clock=clock,
                limits=wanted,
                spending=Spending(wanted),
                progress=progress or Progress(),
            )
            try:
                await engine.execute([work])
            except (ExecutionError, Interrupted) as raised:
                error = raised
            return gather(journal.outcomes("s"))

    return asyncio.run(go()), error


def gather(pairs):
    """Outcomes by (role, sample id), repeats in order."""
    found = {}
    for key, outcome in sorted(pairs, key=lambda pair: pair[0].repeat):
        found.setdefault((key.role, key.sample_id), []).append(outcome)
    return found
