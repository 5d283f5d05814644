"""The check at the start of a run that both ends are two models: the same prompts, freely answered, must differ."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence

from msgspec import Struct, structs

from evalkit.errors import AuthFailed, BackendError, ExecutionError, InvalidEvidence, ModelNotFound, Retryable, TimedOut
from evalkit.run.attempt import Attempts
from evalkit.run.plan import Part, Side, request_fingerprint
from evalkit.run.progress import Progress
from evalkit.run.spending import Spending
from evalkit.store.cache import Cache
from evalkit.types import Key, Params, Request, Sample

PROBES = 20
PROBE_TOKENS = 48
LONG_ENOUGH = 8
"""Words per probe answer, on average, below which equality proves nothing: two models may well agree on one word."""
ENOUGH = 10
"""Prompts that both sides must have answered, all alike, before they are called one model. A lightly trained adapter
may leave seven of ten free answers as they were: then ten alike come by chance in 3 runs of 100, two in every other."""

CODE = "SAME_MODEL"


class Probe(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the start-up probe saw."""

    n: int
    """Prompts that both sides answered."""
    differing: int
    note: str
    is_cut_short: bool = False
    """It compared too few answers to tell anything: a resumed run asks again."""

    @property
    def caution(self) -> str | None:
        """What the reader of a report should know of it."""
        if not self.is_cut_short:
            return None
        return f"the check at the start did not show that baseline and candidate are two models: {self.note}"


async def probe(part: Part, spending: Spending, cache: Cache | None, progress: Progress) -> Probe:
    """Asks both sides the same prompts of the run, freely decoded, until an answer differs.

    Answers at hand in `cache` are not asked for again; what is sent counts as spent, and a cap that leaves no room
    for it ends the probe; so does a server that is not there or refuses for now, which only the run itself waits for.
    A side that answered what was sent is proven in `progress`.

    Raises InvalidEvidence when enough prompts with answers of some length all come back the same, and ExecutionError
    for what every request of a side would meet: a key that is refused, a model that is not there.
    """
    with contextlib.closing(Attempts(part.suite.run.timeout_s)) as attempts:
        return await _Prober(part, spending, cache, attempts, progress).compared()


class _Prober:
    def __init__(
        self, part: Part, spending: Spending, cache: Cache | None, attempts: Attempts, progress: Progress
    ) -> None:
        self._part = part
        self._sides = (part.sides["baseline"], part.sides["candidate"])
        self._spending = spending
        self._cache = cache
        self._attempts = attempts
        self._progress = progress

    async def compared(self) -> Probe:
        words = asked = 0
        why = ""
        for requests in self._questions():
            known = [self._at_hand(request) for request in requests]
            missing = known.count(None)
            if missing and self._spending.reached(missing) is not None:
                why = "the caps on what a run may spend left no room for it"
                break
            said = await asyncio.gather(*map(self._text, self._sides, requests, known), return_exceptions=True)
            self._refuse(said)
            # Twenty more would take as long each, or hit a server that asked to be left alone.
            if late := [answer for answer in said if isinstance(answer, Retryable)]:
                is_slow = any(isinstance(error, TimedOut) for error in late)
                why = f"it ended early, at a prompt that was not answered {'in time' if is_slow else 'for now'}"
                break
            left, right = said
            if isinstance(left, BaseException) or isinstance(right, BaseException):
                continue  # the run itself will meet, retry and report this
            asked += 1
            words += len(left.split())
            if left != right:
                return Probe(n=asked, differing=1, note="the two models answer differently to the same prompt")
        return _verdict(asked, words, why)

    def _refuse(self, said: Sequence[str | BaseException]) -> None:
        """Raises what ends a run: anything but a BackendError, and of those what all requests would meet."""
        for side, answer in zip(self._sides, said, strict=True):
            match answer:
                case AuthFailed():
                    raise ExecutionError(f"{side.spec.role}: the server refused access: {answer}") from answer
                case ModelNotFound() if not self._progress.side(side.spec.role).is_proven:
                    raise ExecutionError(f"{side.spec.role}: the first request was refused: {answer}") from answer
                case BackendError():
                    pass
                case BaseException():
                    raise answer

    def _questions(self) -> Iterator[tuple[Request, Request]]:
        samples = self._part.suite.samples
        for sample in samples[:: max(1, len(samples) // PROBES)][:PROBES]:
            left, right = (self._question(side, sample) for side in self._sides)
            yield left, right

    def _question(self, side: Side, sample: Sample) -> Request:
        """The request for `side`'s unconstrained answer to what the candidate is asked."""
        request = Request(
            key=Key(suite="probe", role=side.spec.role, sample_id=sample.id),
            messages=self._sides[1].messages(sample),
            params=Params(temperature=0.0, max_tokens=PROBE_TOKENS, seed=side.spec.generation.seed),
        )
        return structs.replace(request, fingerprint=request_fingerprint(side, request))

    def _at_hand(self, request: Request) -> str | None:
        found = self._cache.get([request.fingerprint], now=time.time()) if self._cache else {}
        return found[request.fingerprint].text if found else None

    async def _text(self, side: Side, request: Request, known: str | None) -> str:
        if known is not None:
            return known
        self._spending.send()
        answer = await self._attempts.ask(side.backend, request)
        self._progress.side(side.spec.role).is_proven = True
        self._spending.answer(request, answer.usage, side.spec.price)
        if self._cache is not None:
            self._cache.put([(request.fingerprint, answer)])
        return answer.text


def _verdict(asked: int, words: int, why: str) -> Probe:
    """What so many prompts with equal answers come to; `why` the probe ended before its time, if it did."""
    if not asked:
        note = why or "none of the probe's prompts was answered by both sides"
        return Probe(n=0, differing=0, note=note, is_cut_short=True)
    if why:
        return Probe(n=asked, differing=0, note=why, is_cut_short=True)
    if words < LONG_ENOUGH * asked:
        note = "the probe's answers were equal but too short to tell the models apart"
        return Probe(n=asked, differing=0, note=note)
    if asked < ENOUGH:
        told = "one prompt was" if asked == 1 else f"{asked} prompts were"
        note = f"only {told} answered by both sides, alike; it takes {ENOUGH} such prompts to call them one model"
        return Probe(n=asked, differing=0, note=note, is_cut_short=True)
    raise InvalidEvidence(
        f"baseline and candidate gave the same answer to all {asked} probe prompts: both ends look like one model. "
        "Is the adapter applied, and does the endpoint serve the model you named?",
        code=CODE,
    )
