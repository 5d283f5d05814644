"""`evalkit plan`: what a run would send, cost and take, and what its samples can decide. Sends and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, to_builtins

from evalkit.errors import InvalidEvidence
from evalkit.jobs.judging.forecast import judge_loads
from evalkit.jobs.judging.standing import standing, undecided
from evalkit.jobs.planning.at_rest import at_rest
from evalkit.jobs.planning.forecast import Load, load_of, part_at_rest, probe_of
from evalkit.jobs.planning.prospects import caps_too_low, detects, guards, hopeless, last_run, small_slices
from evalkit.jobs.running.reuse import candidate_fingerprint, used_before
from evalkit.jobs.running.run import load_all
from evalkit.run.identity import refuse_one_model
from evalkit.run.plan import Part
from evalkit.store.past import PastRun, newest_run
from evalkit.types import CANDIDATE, ModelSpec, Suite

SCHEMA = "evalkit.plan/1"
CACHING = (
    "the vendor's prompt cache is not counted: what is read from it costs less, what is written into it may cost more"
)
"""Which requests find their beginning in a vendor's cache depends on its length, on their order and on the minute."""
_WHOLE = 100.0
"""Answers a second from which decimals say nothing."""


class PlanOptions(Struct, frozen=True, kw_only=True):
    """What the command line asks of a plan."""

    suite_path: Path
    out: Path = Path("reports")
    """Where earlier runs' reports are looked for."""
    overrides: tuple[str, ...] = ()
    limit: int | None = None


def plan(options: PlanOptions) -> dict[str, Any]:
    """The plan as a document that JSON can carry (`evalkit.plan/1`).

    A number that is not known is None and stands beside a note with the reason. Raises UsageError for a bad suite.
    """
    loaded = load_all(options.suite_path, overrides=options.overrides, limit=options.limit)
    main = loaded.main
    rest = at_rest(main.models, main.run.timeout_s)
    past = newest_run(main.name)
    loads = [load_of(suite, role, rest, past) for suite in loaded.suites for role in suite.models]
    loads += judge_loads(loaded.suites, loaded.metrics)
    part = part_at_rest(main, rest)
    probe = probe_of(part, main)
    last = last_run(main, options.out)
    requests = sum(load.to_send for load in loads)
    tokens = sum(load.input_tokens + load.output_tokens for load in loads)
    money = _money(loads, main.models)
    judges = standing(loaded.suites, loaded.metrics)
    warnings = [*main.warnings, *hopeless(main), *undecided(judges)]
    warnings += caps_too_low(main, requests + probe.at_most, tokens, money["usd"])
    warnings += _one_model(part)
    warnings += filter(None, [used_before(main, _candidate(main, part))])
    return {
        "schema": SCHEMA,
        "suite": main.name,
        "suite_file": str(options.suite_path),
        "description": main.description,
        "limit": options.limit,
        "requests": {
            "total": sum(load.requests for load in loads),
            "cached": None if rest.unknown else sum(load.cached or 0 for load in loads),
            "to_send": requests,
            "probe_at_most": probe.at_most,
            "probe_note": probe.note,
            "sides": [to_builtins(load) for load in loads],
            "notes": [*_unknown(rest.unknown), *_beside(loaded.suites)],
        },
        "cost": money,
        "time": _time(requests, past, in_batches=_in_batches(loads, main.models)),
        "judges": judges,
        "detects": detects(main, last),
        "guards": guards(main, loaded.guards, last),
        "last_run": last.run if last is not None else None,
        "small_slices": small_slices(main),
        "warnings": warnings,
    }


def _unknown(unknown: Mapping[str, str]) -> Iterator[str]:
    return (f"{role}: what is cached cannot be told beforehand: {why}" for role, why in unknown.items())


def _beside(suites: Sequence[Suite]) -> Iterator[str]:
    """What a run asks besides, and nobody counts: how many rows are close in meaning only the embeddings tell."""
    for suite in suites:
        asked = suite.hygiene.semantic
        if asked is not None and suite.training_data:
            models = "embeddings" if asked.judge is None else "embeddings and its judge's replies"
            yield f"{suite.name}: checks.semantic: its {models} come on top of these requests and this cost"


def _candidate(suite: Suite, part: Part | None) -> str | None:
    if part is None:
        return None
    return candidate_fingerprint(suite.models[CANDIDATE], part.sides[CANDIDATE].identity)


def _money(loads: Sequence[Load], models: Mapping[str, ModelSpec]) -> dict[str, Any]:
    """{usd, is_upper_bound, note}: None as soon as one side that is asked has no price."""
    asked = [load for load in loads if load.to_send]
    if not asked:
        return {"usd": 0.0, "is_upper_bound": False, "note": "nothing is sent"}
    unpriced = list(dict.fromkeys(load.role for load in asked if load.usd is None))
    known = sum(load.usd or 0.0 for load in asked if load.usd is not None)
    if unpriced:
        names = " and ".join(unpriced)
        first = unpriced[0]
        place = f"{models[first].place}.price" if first in models else "price, beside the judge's model"
        note = f"price unknown: the suite names none for {names} ({place})"
        if known:
            note += f"; the others ${known:,.4g}"
        return {"usd": None, "is_upper_bound": False, "note": note}
    prices = [models[load.role].price for load in asked if load.role in models]
    has_cache = any(price and (price.cached is not None or price.cache_write is not None) for price in prices)
    caching = CACHING if has_cache else None
    return {"usd": round(known, 6), "is_upper_bound": any(load.is_output_bound for load in asked), "note": caching}


def _in_batches(loads: Sequence[Load], models: Mapping[str, ModelSpec]) -> bool:
    """True when some of what is to be sent goes out as a vendor's batch."""
    asked = [models[load.role] for load in loads if load.to_send and load.role in models]
    return any(spec.options.get("batch") is True for spec in asked)


def _time(requests: int, past: PastRun | None, *, in_batches: bool) -> dict[str, Any]:
    """{seconds, answers_per_s, note}, from the newest run's pace; a batch has none."""
    if not requests:
        return {"seconds": 0.0, "answers_per_s": None, "note": "nothing is sent: seconds, for scoring and the report"}
    if in_batches:
        note = "unknown: the vendor answers a batch when it suits, within 24 hours"
        return {"seconds": None, "answers_per_s": None, "note": note}
    if past is None or past.answers_per_s is None:
        note = "unknown until something was asked: evalkit run --limit 20 gives a first measure"
        return {"seconds": None, "answers_per_s": None, "note": note}
    pace = f"{past.answers_per_s:,.0f}" if past.answers_per_s >= _WHOLE else f"{past.answers_per_s:.3g}"
    note = f"at {pace} answers a second, the pace of run {past.run}; loading the models comes on top"
    return {"seconds": round(requests / past.answers_per_s, 1), "answers_per_s": past.answers_per_s, "note": note}


def _one_model(part: Part | None) -> Iterator[str]:
    if part is None:
        return
    for name in part.suite.baselines:
        pair = part.against(name)
        if any(side.identity.is_fixed for side in pair.sides.values()):
            continue
        try:
            refuse_one_model(pair)
        except InvalidEvidence as error:
            yield f"a run would be refused: {error if len(part.suite.baselines) == 1 else f'against {name}: {error}'}"
