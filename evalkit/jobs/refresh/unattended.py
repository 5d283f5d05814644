"""Everything a scheduler may do by itself: from the logs to the queue, where people take over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from evalkit.errors import EvalkitError, InvalidEvidence
from evalkit.jobs.refresh.clean import dedup, scrub
from evalkit.jobs.refresh.collect import plan, planned_otherwise, refuse_older_version, sample
from evalkit.jobs.refresh.desk import (
    APPROVALS,
    APPROVED,
    DEDUP_DROPPED,
    DEDUPED,
    QUEUE,
    RELEASE,
    RETIRED,
    SAMPLED,
    SCRUB_DROPPED,
    SCRUBBED,
    Desk,
    named,
    newest_open,
    opened,
    unused,
)
from evalkit.jobs.refresh.people import queue, state
from evalkit.jobs.refresh.policy import Policy
from evalkit.jobs.refresh.release import least_bump
from evalkit.jobs.rot.look import RotOptions, rot
from evalkit.report.rot import rot_markdown

SCHEMA = "evalkit.refresh/1"


class Status(Struct, frozen=True, kw_only=True):
    """How far a refresh has come."""

    folder: Path
    counts: Mapping[str, int]
    next_step: str
    """What a person does next, as a command."""
    note: str = ""
    """What a person should know of this run besides."""

    def document(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "schema": SCHEMA,
            "folder": str(self.folder),
            "counts": dict(self.counts),
            "next_step": self.next_step or None,
        }


def unattended(policy: Policy, root: Path, today: str, reports: Path) -> tuple[Status, str]:
    """(how far it came, the words for a pull request). Run again it changes nothing: it goes on with an open refresh.

    Each suite has refreshes of its own. Once rows are drawn their plan stays: what was edited in the policy since then
    counts from the next refresh on.
    A refresh that brought nothing new waits for nobody: on a later day the next one begins.
    Logs too short to measure drift by are sampled from all the same; logs that hold nothing raise InvalidEvidence.
    """
    suite = policy.wanted.suite
    unfinished = newest_open(root, suite)
    if unfinished is not None and _is_bare(Desk(root / unfinished)):
        unfinished = None
    if unfinished is None or not _is_drawn(Desk(root / unfinished)):  # before anything is measured or written
        refuse_older_version(suite)
    with opened(root, unfinished or unused(root, today, suite)) as desk:
        told, note = "", _kept_plan(desk, policy)
        if not desk.has(QUEUE):  # else people have begun, and what they look at stays as it is
            if not desk.has(SAMPLED):
                measured, told = _measured(policy, reports)
                plan(desk, policy.wanted, measured)
            sample(desk)
            scrub(desk)
            dedup(desk)
            queue(desk)
        found = structs.replace(status(desk), note=note)
    return found, _summary(found, told)


def _is_drawn(desk: Desk) -> bool:
    return desk.has(SAMPLED) or desk.has(QUEUE)


def _is_bare(desk: Desk) -> bool:
    """Whether a refresh is done without anything for people to do: its queue is empty, and nothing is to be retired."""
    return desk.has(QUEUE) and not desk.has(RETIRED) and not desk.rows(QUEUE)


def status(desk: Desk) -> Status:
    """How far the refresh on this desk has come."""
    names = {
        "sampled": SAMPLED,
        "with personal data, left out": SCRUB_DROPPED,
        "copies, left out": DEDUP_DROPPED,
        "new": DEDUPED,
    }
    counts = {what: len(desk.rows(name)) for what, name in names.items() if desk.has(name)}
    if desk.has(QUEUE):
        found = state(desk)
        counts |= {"labelled": len(found.labels), "disputed": len(found.disputed), "waiting": len(found.waiting)}
    return Status(folder=desk.folder, counts=counts, next_step=_next(desk, counts))


def _next(desk: Desk, counts: Mapping[str, int]) -> str:
    where = named(desk)
    if desk.has(RELEASE):
        return f"evalkit refresh bridge{where}"
    if not desk.has(QUEUE):
        done = {DEDUPED: "label", SCRUBBED: "dedup", SAMPLED: "scrub"}  # the last of them first
        return f"evalkit refresh {next((step for name, step in done.items() if desk.has(name)), 'sample')}{where}"
    if desk.has(APPROVALS) and desk.has(APPROVED):
        document = desk.document(APPROVALS)
        if len(document["by"]) >= int(document["needed"]):
            return f"evalkit refresh release{_bump(desk)}{where}"
    if counts.get("labelled") and not counts.get("waiting") and not counts.get("disputed"):
        return f"evalkit refresh approve --by NAME{where}"
    return f"evalkit refresh label --from LABELS.jsonl{where}" if counts.get("new") else ""


def _bump(desk: Desk) -> str:
    """The option for the version step that is large enough; empty where the suite cannot be read just now."""
    try:
        return f" --bump {least_bump(desk)}"
    except EvalkitError:  # what was done just now is done all the same; `release` itself says what is wrong
        return ""


def _kept_plan(desk: Desk, policy: Policy) -> str:
    """Says that rows were drawn for another plan than the policy's; empty where they were not."""
    if not _is_drawn(desk) or not (other := planned_otherwise(desk, policy.wanted)):
        return ""
    drawn = f"The rows in {desk.folder} were drawn for another plan than {policy.path} has now: {', '.join(other)}"
    return f"{drawn}. This refresh goes on with that one; {policy.path} as it is now counts from the next on."


def _measured(policy: Policy, reports: Path) -> tuple[dict[str, Any] | None, str]:
    options = RotOptions(suite_path=policy.wanted.suite, logs=policy.wanted.logs, reports=reports)
    try:
        document, _ = rot(options)
    except InvalidEvidence as error:
        if error.code not in {"LOGS_TOO_FEW", "LOGS_ARE_THE_SUITE"}:  # of which nothing new comes
            raise
        return None, str(error).splitlines()[0]
    return document, rot_markdown(document)


def _summary(found: Status, told: str) -> str:
    lines = [f"- {count} {what}" for what, count in found.counts.items()]
    nothing = "Nothing is left to do."
    after = f"Next, by a person: `{found.next_step}`" if found.next_step else nothing
    noted = [found.note, ""] if found.note else []
    return "\n".join([f"## New samples in {found.folder}", "", *lines, "", after, "", *noted, told, ""])
