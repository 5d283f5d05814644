"""The history document: a suite's runs from oldest to newest, what changed between them, and where not to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct, to_builtins

from evalkit.report.history_bridges import asked_where, bridges_over
from evalkit.report.history_facts import DATA, METRIC, Fact, Recorded, changes, facts_of, model_document
from evalkit.report.read import Document, number, obj, objects, pair, text, whole
from evalkit.report.strings import SIDES
from evalkit.report.text import cleaned
from evalkit.store.ledger import Use

SCHEMA = "evalkit.history/1"
ONLY_LEDGER = "its report is not here; the ledger knows its verdict"
NO_MANIFEST = "its manifest.json is missing or damaged, so a changed prompt or setting would not be seen"
NOT_ACROSS = "comparisons across this line are not meaningful"
LIMITED = "only a part of the samples (--limit)"


class Skipped(Struct, frozen=True, kw_only=True):
    """A file that tells no verdict."""

    path: str
    why: str


class _Entry(Struct, frozen=True, kw_only=True):
    run: dict[str, Any]
    facts: Mapping[Fact, str]


def history_document(
    suite: str, recorded: Sequence[Recorded], uses: Sequence[Use], skipped: Sequence[Skipped]
) -> dict[str, Any]:
    """`evalkit.history/1`, as docs/files.md describes it. A use in the ledger whose report is gone has no scores.

    Every text in it is safe to show. `recorded` have dates (`when` tells) and their run ids differ.
    """
    known_runs = {text(one.verdict, "run") for one in recorded}
    entries = [_recorded(one) for one in recorded]
    entries += [_used(use) for use in uses if use.run not in known_runs and when(use.at) is not None]
    entries.sort(key=lambda entry: (entry.run["created"], entry.run["run"]))
    runs, versions = _in_order(entries)
    lines = _lines(runs)
    in_a_bridge = {(b[end]["run"], b[end]["side"]) for line in lines for b in line["bridges"] for end in ("old", "new")}
    for run in runs:
        run["bridge"] = [side for side in SIDES if (run["run"], side) in in_a_bridge]
    document = {
        "schema": SCHEMA,
        "suite": suite,
        "metric": next((run["metric"] for run in reversed(runs) if run["metric"]), None),
        "runs": runs,
        "versions": versions,
        "lines": lines,
        "skipped": [to_builtins(one) for one in skipped],
    }
    return dict(cleaned(document))


def when(stamp: str) -> str | None:
    """A time as ISO 8601 in UTC, to the second, so that times sort as texts; None where it is none.

    >>> when("2026-11-22T18:24:05.5+01:00")
    '2026-11-22T17:24:05+00:00'
    """
    try:
        found = datetime.fromisoformat(stamp)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        return None


def _recorded(one: Recorded) -> _Entry:
    verdict, facts = one.verdict, facts_of(one)
    primary = obj(verdict, "primary")
    is_limited = any(text(reason, "code") == "LIMITED" for reason in objects(verdict, "reasons"))
    notes = [LIMITED] if is_limited else []
    notes += [NO_MANIFEST] if one.manifest is None else []
    run = {
        "run": text(verdict, "run"),
        "created": when(text(verdict, "created")),
        "folder": one.folder,
        "verdict": text(verdict, "verdict"),
        "exit_code": verdict.get("exit_code"),
        "metric": text(primary, "metric") or None,
        "n": whole(primary, "n"),
        "is_limited": is_limited,
        **{key: number(primary, key) for key in ("baseline_points", "candidate_points", "delta_points", "min_delta")},
        **{key: _ends(primary, key) for key in ("baseline_ci95_points", "candidate_ci95_points", "ci95_points")},
        "against": text(verdict, "against") or None,
        "data": {"version": None, "sha256": facts.get(DATA)},
        "models": {side: model_document(one, side) for side in SIDES},
        "note": "; ".join(notes) or None,
    }
    return _Entry(run=run, facts=facts)


def _used(use: Use) -> _Entry:
    absent = dict.fromkeys(
        ("folder", "exit_code", "metric", "baseline_points", "candidate_points", "delta_points", "min_delta",
         "baseline_ci95_points", "candidate_ci95_points", "ci95_points", "against")
    )  # fmt: skip
    run = absent | {
        "run": use.run,
        "created": when(use.at),
        "verdict": use.verdict,
        "n": use.n,
        "is_limited": False,
        "data": {"version": None, "sha256": use.samples},
        "models": {},
        "note": ONLY_LEDGER,
    }
    return _Entry(run=run, facts={DATA: use.samples})


def _in_order(entries: Sequence[_Entry]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(the runs with what changed since what was last known, the versions of the data in order of their first run)."""
    known: dict[Fact, str] = {}
    versions: dict[str, dict[str, Any]] = {}
    runs: list[dict[str, Any]] = []
    for entry in entries:
        digest = entry.facts.get(DATA)
        if digest is not None:
            version = versions.setdefault(
                digest,
                {"version": len(versions) + 1, "sha256": digest, "since": entry.run["created"], "runs": 0},
            )
            version["runs"] += 1
            entry.run["data"]["version"] = version["version"]
        moved = changes(entry.facts, known) if runs else None
        known |= entry.facts
        # A run that says nothing of its metric is taken to have had the last one known.
        runs.append(entry.run | {"metric_fingerprint": known.get(METRIC), "changed": moved})
    return runs, list(versions.values())


def _lines(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Where what is measured became something else."""
    lines, places = [], asked_where(runs)
    for place, run in enumerate(runs):
        moved = [text(one, "what") for one in run["changed"] or () if text(one, "what") in {DATA[0], METRIC[0]}]
        if moved:
            bridges = bridges_over(runs, place, places)
            lines.append(
                {
                    "from": runs[place - 1]["run"],
                    "to": run["run"],
                    "changed": moved,
                    "sentence": f"the {' and the '.join(moved)} changed here: {NOT_ACROSS}",
                    "bridges": bridges,
                }
            )
    return lines


def _ends(primary: Document, key: str) -> list[float] | None:
    found = pair(primary, key)
    return None if found is None else list(found)
