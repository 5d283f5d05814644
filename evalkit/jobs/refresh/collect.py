"""The first two steps: what is wanted, and the rows of the logs that were drawn for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, to_builtins

from evalkit.errors import InvalidEvidence, UsageError
from evalkit.fingerprint import file_sha256
from evalkit.jobs.refresh.desk import PLAN, QUEUE, SAMPLED, Desk, is_of
from evalkit.jobs.refresh.versions import VERSIONS, family_of, released, version_of
from evalkit.jobs.rot.logs import STANDARD_INPUT, Tallied, exchanges
from evalkit.jobs.rot.look import loaded
from evalkit.report.rot import lit
from evalkit.rot.exchange import Exchange
from evalkit.rot.lens import Lens, answer_in, lens_of
from evalkit.rot.moment import DAY_S, seconds
from evalkit.rot.sampling import Candidate, Draw, Quota
from evalkit.suites.load import SUITE_NAME
from evalkit.suites.samples import content_id
from evalkit.types import JsonValue, Suite

SCHEMA = "evalkit.refresh/1"
SHARES = {"random": 0.5, "suspected": 0.2, "novelty": 0.3}
DEFAULT_SIZE = 50
_OWN = frozenset({"feedback", "thumbs", "rating", "user_feedback", "error", "margin"})
"""Columns that say how an answer was received; they are no part of a sample."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What a refresh is to bring."""

    suite: Path
    logs: Sequence[Path]
    size: int = DEFAULT_SIZE
    since_days: float | None = None
    """Rows older than so many days before the newest row are passed over; rows without a time are taken."""
    approvals: int = 1
    """How many different people have to approve."""


def plan(desk: Desk, wanted: Wanted, rot: Mapping[str, Any] | None) -> dict[str, Any]:
    """The plan, written down; the one that is there stays as it is once rows have been drawn for it.

    Raises UsageError where the suite or a log cannot be read or the suite has a newer version, where rows were drawn
    for another plan, and where the refresh is another suite's.
    """
    if desk.has(PLAN):
        refuse_other_suite(desk, wanted)
    if desk.has(SAMPLED) or desk.has(QUEUE):
        return _same_plan(desk, wanted)
    if wanted.size < 1 or wanted.approvals < 1:
        raise UsageError("--size and --approvals are at least 1")
    refuse_older_version(wanted.suite)
    suite = loaded(wanted.suite)
    document = {
        "schema": SCHEMA,
        "suite": str(wanted.suite),
        "suite_name": suite.name,
        "data_sha256": suite.dataset_sha256,
        "logs": [{"path": str(path), "sha256": _sha256(path)} for path in wanted.logs],
        "since_days": wanted.since_days,
        "quota": to_builtins(quota_of(wanted.size)),
        "approvals": wanted.approvals,
        "rot": None if rot is None else {light: list(lit(rot, light)) for light in ("red", "amber")},
    }
    desk.write_document(PLAN, document)
    return document


def refuse_other_suite(desk: Desk, wanted: Wanted) -> None:
    """Raises UsageError where this refresh is of another suite than the one that is wanted."""
    if not is_of(desk, wanted.suite):
        told = f"{desk.folder} is a refresh of {desk.document(PLAN)['suite']}, not of {wanted.suite}"
        raise UsageError(f"{told}\n  help: begin one of this suite beside it: leave out --date, or name another")


def refuse_older_version(suite: Path) -> None:
    """Raises UsageError where a newer version was released: people would label what `release` then has to refuse."""
    newest = released(suite)[-1]
    if version_of(suite) != newest:
        there = family_of(suite) / VERSIONS / newest / SUITE_NAME
        told = f"{suite} is version {version_of(suite)}, and {newest} was released since"
        raise UsageError(f"{told}\n  help: name that one: {there}")


def planned_otherwise(desk: Desk, wanted: Wanted) -> list[str]:
    """What the plan that is written down says where it is another than the wanted one, as options of `plan`."""
    there = desk.document(PLAN)
    logs = [log["path"] for log in there["logs"]]
    is_same_logs = [Path(log).resolve() for log in logs] == [path.resolve() for path in wanted.logs]
    asked = {
        "size": (sum(there["quota"].values()), wanted.size),
        "since-days": (there["since_days"], wanted.since_days),
        "approvals": (there["approvals"], wanted.approvals),
    }
    other = [f"--{name} {old if old is not None else 'none'}" for name, (old, new) in asked.items() if old != new]
    return other if is_same_logs else [*other, *(f"--logs {log}" for log in logs)]


def _same_plan(desk: Desk, wanted: Wanted) -> dict[str, Any]:
    if other := planned_otherwise(desk, wanted):
        told = f"rows were drawn in {desk.folder} for another plan: {', '.join(other)}"
        raise UsageError(f"{told}\n  help: go on with that one, or begin another beside it: --date NAME")
    return desk.document(PLAN)


def quota_of(size: int) -> Quota:
    """The shares of a refresh: half drawn at random, three tenths new, two tenths suspected to be wrong.

    >>> quota_of(50)
    Quota(random=25, suspected=10, novelty=15)
    """
    suspected, novelty = round(SHARES["suspected"] * size), round(SHARES["novelty"] * size)
    return Quota(random=size - suspected - novelty, suspected=suspected, novelty=novelty)


def sample(desk: Desk) -> list[dict[str, Any]]:
    """The rows drawn, in the suite's own columns, with stratum and inclusion probability. Drawn once only.

    Raises UsageError where a log has changed since it was planned, InvalidEvidence where none of its rows can be used.
    """
    if desk.has(SAMPLED):
        return desk.rows(SAMPLED)
    if desk.has(QUEUE):
        raise UsageError(f"{desk.folder} was sampled elsewhere, and its queue is with people already")
    asked = desk.document(PLAN)
    paths = [Path(log["path"]) for log in asked["logs"]]
    for path, log in zip(paths, asked["logs"], strict=True):
        if log["sha256"] is None or _sha256(path) != log["sha256"]:
            raise UsageError(f"{path} is not the file that was planned with\n  help: evalkit refresh plan again")
    suite = loaded(Path(asked["suite"]))
    lens = lens_of(suite)
    columns = frozenset(key for one in suite.samples for key in one.fields)
    tallied, latest = Tallied(), _latest(paths) if asked["since_days"] is not None else None
    limit = None if latest is None else latest - float(asked["since_days"]) * DAY_S
    draw = Draw(Quota(**asked["quota"]), desk.digest([PLAN]))
    for where, exchange in exchanges(paths, tallied):
        at = seconds(exchange.time)
        if limit is not None and at is not None and at < limit:
            continue
        candidate = _candidate(where, exchange, lens, columns, suite)
        if candidate is not None:
            draw.add(candidate)
    if not draw.n:
        raise InvalidEvidence(_nothing(tallied, lens, suite), code="LOGS_TOO_FEW")
    known = [lens.of_fields(one.fields, one.target).text for one in suite.samples]
    rows = [_row(drawn.candidate, drawn.stratum, drawn.pi, draw.n) for drawn in draw.result(known)]
    desk.write_rows(SAMPLED, rows)
    return rows


def _candidate(where: str, exchange: Exchange, lens: Lens, columns: frozenset[str], suite: Suite) -> Candidate | None:
    """The row as a sample to be; None where it does not hold what the prompt needs."""
    view = lens.of_exchange(exchange)
    if view is None:
        return None
    if exchange.asked is not None:
        if lens.messages is not None:
            fields: dict[str, JsonValue] = {lens.messages: [{"role": "user", "content": exchange.asked}]}
        elif len(lens.columns) == 1:
            fields = {lens.columns[0]: view.text}
        else:
            return None
        beside = columns.intersection(lens.slices, exchange.fields)
        fields |= {column: exchange.fields[column] for column in sorted(beside)}
        suggested = lens.said(exchange.answered)
    else:
        named: Any = suite.declared.get("dataset")
        left_out = {named.get("id"), str(named.get("target") or "").split(".")[0], *_OWN}
        fields = {key: value for key, value in exchange.fields.items() if key in columns and key not in left_out}
        if not set(lens.columns) <= fields.keys() and lens.messages is None:
            return None
        suggested = exchange.fields.get(lens.target or "") or lens.said(answer_in(exchange.fields))
    return Candidate(
        where=where, text=view.text, fields=fields, answered=suggested, time=exchange.time, trouble=exchange.trouble
    )


def _row(candidate: Candidate, stratum: str, pi: float | None, n: int) -> dict[str, Any]:
    why = {"random": "drawn at random", "suspected": candidate.trouble, "novelty": "unlike the suite's samples"}
    name = hashlib.sha256(candidate.where.encode("utf-8", "replace")).hexdigest()[:8]
    return {
        # Two rows may say the same; which of them stays is for `dedup` to say.
        "id": f"{content_id(candidate.fields)}-{name}",
        "stratum": stratum,
        "pi": None if pi is None else round(pi, 9),
        "of": n,
        "why": why[stratum],
        "where": candidate.where,
        "time": candidate.time,
        "fields": dict(candidate.fields),
        "answered": candidate.answered,
    }


def _nothing(tallied: Tallied, lens: Lens, suite: Suite) -> str:
    """Why no row of the logs can become a sample."""
    told = f"no row of the logs can become a sample of {suite.name}: "
    if tallied.rows:
        return f"{told}{_wanted(lens)} is in none of {tallied.rows:,}, or they are older than --since-days"
    if tallied.unreadable:
        return f"{told}no line of {tallied.unreadable:,} is a row, the first: {tallied.examples[0]}"
    return f"{told}they are empty"


def _wanted(lens: Lens) -> str:
    return f"the column {lens.messages}" if lens.messages else f"what the prompt needs ({', '.join(lens.columns)})"


def _latest(paths: Sequence[Path]) -> float | None:
    times = (seconds(exchange.time) for _, exchange in exchanges(paths, Tallied()))
    return max((at for at in times if at is not None), default=None)


def _sha256(path: Path) -> str:
    if path == STANDARD_INPUT:
        raise UsageError("a refresh reads its logs more than once: name files, not -")
    try:
        return file_sha256(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None


def read_rot(path: Path) -> Mapping[str, Any] | None:
    """What `evalkit rot` left, for the plan; None where it is not there or cannot be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
