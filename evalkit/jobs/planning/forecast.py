"""What a run would send: requests, tokens, money, time. Counted where it can be, estimated in the open where not."""

from __future__ import annotations

import time
from collections.abc import Sequence

from msgspec import Struct

from evalkit.jobs.planning.at_rest import AtRest
from evalkit.numbers import counted
from evalkit.run.identity import claims_other_weights
from evalkit.run.plan import Part, Side
from evalkit.run.probe import PROBE_TOKENS, PROBES
from evalkit.store.past import PastRun, cached_answers
from evalkit.suites.prompts import Renderer
from evalkit.types import Message, ModelSpec, Response, Suite

CHARACTERS_PER_TOKEN = 4.0
"""A rule of thumb for English text; other languages and code take more tokens."""
TOKENS_PER_TURN = 5.0
"""What a chat template adds to each turn (ChatML: start, role, newline, end, newline)."""
ESTIMATED = "estimated at 4 characters a token and 5 tokens a turn, give or take a third"
AT_MOST = "at most: every answer as long as max_tokens allows"


class Load(Struct, frozen=True, kw_only=True):
    """What one side would be asked in one suite."""

    suite: str
    role: str
    requests: int
    cached: int | None
    """Answers at hand; None where that cannot be told."""
    to_send: int
    """At most, where `cached` is None."""
    input_tokens: int
    """Of what is sent."""
    input_from: str
    output_tokens: int
    output_from: str
    is_output_bound: bool
    """The output tokens are the most there can be, not an estimate."""
    usd: float | None
    """None: the suite names no price. An upper bound where the output tokens are one."""


class ProbeLoad(Struct, frozen=True, kw_only=True):
    """What the check that both sides are two models would ask."""

    at_most: int
    note: str


def load_of(suite: Suite, role: str, rest: AtRest, past: PastRun | None) -> Load:
    """One side's load in one suite."""
    spec = suite.models[role]
    requests = len(suite.samples) * spec.generation.repeats
    is_recorded = spec.backend == "outputs"  # read from a file: nothing is sent
    found, estimate = ((), 0) if is_recorded else _looked_up(suite, spec, rest)
    to_send = 0 if is_recorded else requests - len(found)
    source = "recorded answers" if is_recorded else "everything is in the cache"
    inputs, outputs = (0, source), (0, source)
    if to_send:
        means, source = _tokens_each(found, past, (suite.name, role))
        inputs = (estimate, ESTIMATED) if means is None else (round(means[0] * to_send), source)
        most = spec.generation.max_tokens * to_send
        outputs = (most, AT_MOST) if means is None else (round(means[1] * to_send), source)
    price = spec.price
    return Load(
        suite=suite.name,
        role=role,
        requests=requests,
        cached=len(found) if is_recorded or role in rest.sides else None,
        to_send=to_send,
        input_tokens=inputs[0],
        input_from=inputs[1],
        output_tokens=outputs[0],
        output_from=outputs[1],
        is_output_bound=outputs[1] == AT_MOST,
        usd=None if price is None else (inputs[0] * price.input + outputs[0] * price.output) / 1e6,
    )


def probe_of(part: Part | None, suite: Suite) -> ProbeLoad:
    """The probe's load, one for each baseline; `part` is None where the sides' identities are not known beforehand."""
    pairs = [] if part is None else [part.against(name) for name in suite.baselines]
    live = [pair for pair in pairs if not any(side.identity.is_fixed for side in pair.sides.values())]
    if pairs and not live:
        return ProbeLoad(at_most=0, note="not needed: recorded answers cannot be probed")
    needed = len(suite.baselines) if part is None else sum(claims_other_weights(pair) for pair in live)
    most = 2 * min(PROBES, len(suite.samples)) * needed
    if most:
        words = f"short answers (up to {PROBE_TOKENS} tokens), and it stops at the first that differs"
        return ProbeLoad(at_most=most, note=words)
    return ProbeLoad(at_most=0, note="not needed: the sides differ in their prompts or settings only")


def part_at_rest(suite: Suite, rest: AtRest) -> Part | None:
    """The suite with its sides, or None where a side's identity is not known."""
    if rest.unknown:
        return None
    return Part(suite=suite, sides={role: _side(spec, rest) for role, spec in suite.models.items()})


def _side(spec: ModelSpec, rest: AtRest) -> Side:
    opened = rest.sides[spec.role]
    return Side(spec=spec, backend=opened.backend, identity=opened.identity, renderer=Renderer(spec))


def _looked_up(suite: Suite, spec: ModelSpec, rest: AtRest) -> tuple[Sequence[Response], int]:
    """(answers in the cache, estimated input tokens of the requests that have none there)."""
    repeats = range(spec.generation.repeats)
    if spec.role not in rest.sides:
        renderer = Renderer(spec)
        tokens = sum(_estimated(renderer.messages(sample)) for sample in suite.samples)
        return (), round(tokens * len(repeats))
    side = _side(spec, rest)
    asked = {}
    for repeat in repeats:
        for sample in suite.samples:
            request = side.request(suite, sample, repeat)
            asked[request.fingerprint] = _estimated(request.messages)
    found = cached_answers(asked.keys(), now=time.time())
    return tuple(found.values()), round(sum(n for fingerprint, n in asked.items() if fingerprint not in found))


def _estimated(messages: Sequence[Message]) -> float:
    return sum(len(turn.content) / CHARACTERS_PER_TOKEN + TOKENS_PER_TURN for turn in messages)


def _tokens_each(
    found: Sequence[Response], past: PastRun | None, side: tuple[str, str]
) -> tuple[tuple[float, float] | None, str]:
    """((mean input tokens, mean output tokens) of an answer, where from); None where nothing was measured."""
    usages = [answer.usage for answer in found]
    known = [(u.input_tokens, u.output_tokens) for u in usages if u.input_tokens and u.output_tokens is not None]
    if known:
        read, written = (sum(column) / len(known) for column in zip(*known, strict=True))
        return (read, written), f"the mean of {counted(len(known), 'answer')} in the cache"
    if past is not None and side in past.tokens:
        return past.tokens[side], f"the mean of run {past.run}"
    return None, ""
