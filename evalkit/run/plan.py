"""What will be asked of whom, in which order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec
from msgspec import Struct, structs

from evalkit.fingerprint import canonical_bytes
from evalkit.protocols import Backend
from evalkit.types import (
    BASELINE,
    CANDIDATE,
    JsonValue,
    Key,
    Message,
    ModelIdentity,
    ModelSpec,
    Params,
    Request,
    Sample,
    Suite,
)

_ENCODER = msgspec.json.Encoder(order="sorted")


class Wording(Protocol):
    """How a sample becomes turns: a side's prompt, or a judge's rubric."""

    def messages(self, sample: Sample) -> tuple[Message, ...]:
        """All turns for this sample, byte for byte as they are sent."""
        ...


class Side(Struct, frozen=True, kw_only=True):
    """One side of one suite: what to ask with and whom."""

    spec: ModelSpec
    backend: Backend
    identity: ModelIdentity
    renderer: Wording
    is_asked_anew: bool = False
    """Its answers come from no cache and go to none."""

    def messages(self, sample: Sample) -> tuple[Message, ...]:
        """The sample as this side is asked it."""
        return self.renderer.messages(sample)

    @property
    def params(self) -> Params:
        """Decoding parameters of this side's requests, before the repeat's own seed."""
        wanted = self.spec.generation
        return Params(
            temperature=wanted.temperature,
            max_tokens=wanted.max_tokens,
            seed=wanted.seed,
            response_schema=wanted.response_schema,
        )

    def request(
        self, suite: Suite, sample: Sample, repeat: int = 0, messages: tuple[Message, ...] | None = None
    ) -> Request:
        """The request for one answer, its fingerprint included. `messages`: where they are made already."""
        params = self.params
        if repeat and params.seed is not None:
            # Another repeat is another draw, or it would be the same answer again.
            params = structs.replace(params, seed=params.seed + repeat)
        key = Key(suite=suite.name, role=self.spec.role, sample_id=sample.id, repeat=repeat)
        bare = Request(key=key, messages=self.messages(sample) if messages is None else messages, params=params)
        return bare if self.is_asked_anew else structs.replace(bare, fingerprint=request_fingerprint(self, bare))


class Part(Struct, frozen=True, kw_only=True):
    """A suite of the run (the main one first, then its guards) and its sides."""

    suite: Suite
    sides: Mapping[str, Side]

    def against(self, baseline: str) -> Part:
        """This part as a comparison of two: `baseline` and the candidate under the roles of such a comparison."""
        sides = {BASELINE: self.sides[baseline], CANDIDATE: self.sides[CANDIDATE]}
        return Part(suite=self.suite.against(baseline), sides=sides)

    @property
    def size(self) -> int:
        """Number of requests."""
        return sum(side.spec.generation.repeats for side in self.sides.values()) * len(self.suite.samples)

    def requests(self) -> Iterator[Request]:
        """All requests, the sides of a sample next to each other, so that drift and load hit both alike."""
        repeats = max(side.spec.generation.repeats for side in self.sides.values())
        sides = tuple(self.sides.values())
        # Sides that word a question alike get it made once.
        wording = [next(i for i, other in enumerate(sides) if other.spec.prompt == side.spec.prompt) for side in sides]
        for repeat in range(repeats):
            for sample in self.suite.samples:
                made: dict[int, tuple[Message, ...]] = {}
                for side, worded in zip(sides, wording, strict=True):
                    if repeat < side.spec.generation.repeats:
                        if worded not in made:
                            made[worded] = side.messages(sample)
                        yield side.request(self.suite, sample, repeat, made[worded])


def request_fingerprint(side: Side, request: Request) -> str:
    """sha256 over wire body, model identity and repeat: equal only for the same question to the same model."""
    identity = side.identity
    content: list[JsonValue] = [
        side.spec.backend,
        side.backend.wire(request),
        identity.weights_sha256,
        identity.adapter_sha256,
        identity.endpoint,
        identity.engine,
        identity.engine_version,
        request.key.repeat,
    ]
    try:
        data = _ENCODER.encode(content)
    except UnicodeEncodeError:  # a lone surrogate
        data = canonical_bytes(content)
    return hashlib.sha256(data).hexdigest()
