"""Is it really two models? Checked by digests before, by a probe at the start (`probe`) and by the answers after.

The worst comparison is the one in which the adapter was never applied: it looks like a small, harmless delta.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import structs, to_builtins

from evalkit.errors import InvalidEvidence
from evalkit.run.plan import Part, Side
from evalkit.run.probe import CODE, Probe
from evalkit.types import JsonValue, ModelSpec
from evalkit.types.table import ScoreTable

EQUAL_ANSWERS_PROVE = 50
WARN_SHARE = 0.95
EMPTY_SHARE = 0.05
"""Of a side's answers, above which it is worth a warning that they are empty."""

_CHATS = frozenset({"openai", "anthropic", "openai_compatible"})
"""Backends whose bodies say the temperature under that name, and leave it out where a model takes none."""

NO_TEXT = "NO_TEXT"


def differences(part: Part) -> list[dict[str, JsonValue]]:
    """What the two model entries declare differently, for the report: [{what, baseline, candidate}]."""
    base, cand = part.sides["baseline"], part.sides["candidate"]
    rows: list[dict[str, JsonValue]] = []
    for what, read in _TRAITS:
        left, right = read(base), read(cand)
        if left != right:
            rows.append({"what": what, "baseline": left, "candidate": right})
    return rows


def refuse_one_model(part: Part) -> None:
    """Raises InvalidEvidence when the digests already show that both sides are the same model and prompt."""
    base, cand = part.sides["baseline"], part.sides["candidate"]
    if not _prompts_equal(base.spec, cand.spec):
        return
    weights = base.identity.weights_sha256
    same_weights = weights is not None and weights == cand.identity.weights_sha256
    same_adapter = base.identity.adapter_sha256 == cand.identity.adapter_sha256
    same_endpoint = (
        bool(base.identity.endpoint)
        and base.identity.endpoint == cand.identity.endpoint
        and (base.spec.model, base.spec.adapter) == (cand.spec.model, cand.spec.adapter)
    )
    if (same_weights and same_adapter) or same_endpoint:
        raise InvalidEvidence(
            "baseline and candidate are the same model with the same prompt and settings: there is nothing to compare",
            code=CODE,
        )


def claims_other_weights(part: Part) -> bool:
    """True when the entries say that the models differ in more than their prompts."""
    base, cand = part.sides["baseline"], part.sides["candidate"]
    if base.identity.is_fixed or cand.identity.is_fixed:
        return False
    return _weights(base) != _weights(cand)


def refuse_equal_answers(table: ScoreTable, seen: Probe | None) -> str | None:
    """A warning sentence when ≥ 95 % of the answers are equal, else None.

    Only answers with words in them are evidence: empty ones, blocked ones and bare tool calls are equal for other
    reasons. Raises InvalidEvidence when there are no others, or when all of at least 50 are byte-equal and no probe
    showed a difference.
    """
    both, equal = table.telling_answers, table.telling_equal
    if table.both_answered and not both:
        raise InvalidEvidence(_wordless(table), code=NO_TEXT)
    if both >= EQUAL_ANSWERS_PROVE and equal == both and not (seen and seen.differing):
        raise InvalidEvidence(
            f"all {both} answers of baseline and candidate are byte for byte the same: both ends look like one model",
            code=CODE,
        )
    if both and equal / both >= WARN_SHARE:
        return f"{100 * equal / both:.1f} % of the answers are byte for byte the same on both sides"
    return None


def unequal_temperature(part: Part) -> Iterator[str]:
    """A sentence when one side's bodies carry the suite's temperature and the other's do not: its model takes none."""
    if {side.spec.backend for side in part.sides.values()} - _CHATS:
        return
    sample = part.suite.samples[0]
    bodies = {role: side.backend.wire(side.request(part.suite, sample)) for role, side in part.sides.items()}
    found = {role: body.get("temperature") for role, body in bodies.items()}
    told = {role: value for role, value in found.items() if isinstance(value, int | float)}
    for role in bodies.keys() - told.keys() if told else ():
        others = " and ".join(f"the {other} at {value:g}" for other, value in told.items())
        yield (
            f"the {role} is asked without a temperature, which {part.sides[role].spec.model!r} does not take, and "
            f"{others}: its answers vary more from one run to the next"
        )


def silent_answers(table: ScoreTable) -> Iterator[str]:
    """A warning sentence for each side with tool calls where text is scored, or with many empty answers."""
    for role, tally in table.tallies.items():
        if tally.tool_calls:
            yield (
                f"{role}: {tally.tool_calls:,} of {tally.planned:,} answers are tool calls with no text; "
                "these metrics score text"
            )
        if tally.empty > EMPTY_SHARE * tally.planned:
            yield f"{role}: {tally.empty:,} of {tally.planned:,} answers are empty; an empty answer is a wrong one"


def _wordless(table: ScoreTable) -> str:
    kinds = {
        role: {"empty": tally.empty, "blocked by a content filter": tally.filtered, "bare tool calls": tally.tool_calls}
        for role, tally in table.tallies.items()
    }
    total = sum(sum(found.values()) for found in kinds.values())
    for what in ("empty", "blocked by a content filter", "bare tool calls"):
        if sum(found[what] for found in kinds.values()) == total:
            return f"all {total:,} answers, of both sides, are {what}: there is nothing to compare"
    counts = "; ".join(
        f"{role}: {', '.join(f'{n:,} {what}' for what, n in found.items() if n)}" for role, found in kinds.items()
    )
    return f"no answer of either side has any text ({counts}): there is nothing to compare"


def served_mismatch(part: Part, served: Mapping[str, Sequence[str]]) -> str | None:
    """A sentence when a server answered under another model's name, or changed its name during the run."""
    for role, names in served.items():
        side = part.sides.get(role)
        if side is None or side.identity.is_fixed:
            continue
        # Engines that load an adapter serve it under a name of its own, which the identity says.
        asked = side.identity.served_model or (side.spec.model if side.identity.endpoint else None)
        if len(names) > 1:
            return f"the {role}'s server changed its model during the run: {', '.join(sorted(names))}"
        if names and asked and not _is_named(names[0], asked):
            return f"the {role} asked for {asked!r} and was answered by {names[0]!r}"
    return None


def doubled_starts(part: Part) -> Iterator[str]:
    """A sentence for each side whose engine begins a conversation with the same token twice.

    Then the chat template and the tokenizer both add the token that opens a text, which models were not trained on.
    """
    for role, side in part.sides.items():
        if side.identity.facts.get("starts_twice"):
            yield (
                f"{role}: the engine begins every prompt with the same token twice (token ids "
                f"{side.identity.facts.get('prompt_first_tokens')}): does the chat template add what the tokenizer "
                "adds already? Such prompts cost a model points"
            )


def _weights(side: Side) -> tuple[object, ...]:
    identity = side.identity
    return (
        side.spec.backend,
        side.spec.model,
        side.spec.adapter,
        identity.weights_sha256,
        identity.adapter_sha256,
        identity.endpoint,
    )


def _prompts_equal(left: ModelSpec, right: ModelSpec) -> bool:
    return left.prompt == right.prompt and left.generation == right.generation


def _is_named(served: str, asked: str) -> bool:
    # Providers answer with a dated name (gpt-x → gpt-x-2026-08-06), engines with a path.
    return served == asked or served.startswith(f"{asked}-") or served.rsplit("/", 1)[-1] == asked.rsplit("/", 1)[-1]


def _shots(side: Side) -> JsonValue:
    return len(side.spec.prompt.shots)


def _generation(side: Side) -> JsonValue:
    settings = structs.asdict(side.spec.generation)
    if settings["response_schema"] is not None:
        settings["response_schema"] = "constrained to a JSON Schema"
    return settings


_TRAITS = (
    ("backend", lambda s: s.spec.backend),
    ("model", lambda s: s.spec.model),
    ("adapter", lambda s: s.spec.adapter.name if s.spec.adapter else None),
    ("adapter sha256", lambda s: s.identity.adapter_sha256),
    ("weights sha256", lambda s: s.identity.weights_sha256),
    ("endpoint", lambda s: s.identity.endpoint or None),
    ("system prompt", lambda s: s.spec.prompt.system),
    ("prompt template", lambda s: s.spec.prompt.template),
    ("few-shot examples", _shots),
    ("generation", _generation),
    ("answers streamed", lambda s: s.spec.options.get("stream") is True),
    ("price", lambda s: to_builtins(s.spec.price) if s.spec.price else None),
)
