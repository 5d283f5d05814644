"""`evalkit compare`: decide from answers already recorded. Nothing is asked of any model."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.backends.outputs import Row, read_rows
from evalkit.errors import InvalidEvidence, RecordedError, UsageError
from evalkit.fingerprint import file_sha256
from evalkit.jobs.finish import Finished, finish
from evalkit.jobs.known_ids import refuse_unknown_ids
from evalkit.jobs.pairs import Answers, Story
from evalkit.jobs.recorded import find_run, recorded_outcomes
from evalkit.jobs.run import load_all
from evalkit.run import identity
from evalkit.store.home import new_run_id
from evalkit.types import BASELINE, Failure, ModelIdentity, ModelSpec, Outcome, Reason, Suite
from evalkit.types.table import ScoreTable


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """What the command line asks of a comparison."""

    baseline: str
    candidate: str
    suite_path: Path
    command: str
    out: Path = Path("reports")
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One side's answers and where they come from."""

    spec: ModelSpec
    identity: ModelIdentity
    answers: Callable[[str], Sequence[Outcome]]
    """Sample id → its outcomes by repeat."""
    candidate: str = ""
    """The fingerprint its run gave the candidate; empty where none is known."""


def compare(options: CompareOptions) -> Finished:
    """Scores both sides' recorded answers, decides, and writes a run's files."""
    loaded = load_all(options.suite_path, overrides=options.overrides)
    named = {name: Path(name) for name in (options.baseline, options.candidate)}
    refuse_unknown_ids({name: path for name, path in named.items() if _is_answers(path)}, [loaded.main])
    sides = {
        "baseline": _recorded(options.baseline, "baseline", loaded.main, options),
        "candidate": _recorded(options.candidate, "candidate", loaded.main, options),
    }
    suite = dataclasses.replace(loaded.main, models={role: side.spec for role, side in sides.items()})

    def outcomes(sample_ids: Sequence[str]) -> dict[tuple[str, str], Sequence[Outcome]]:
        return {(role, name): side.answers(name) for role, side in sides.items() for name in sample_ids}

    run_id = new_run_id()
    story = Story(
        run=run_id,
        suite_file=str(options.suite_path),
        command=options.command,
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        identities={role: side.identity for role, side in sides.items()},
        candidate=sides["candidate"].candidate,
        differences={
            BASELINE: [{"what": "answers", "baseline": options.baseline, "candidate": options.candidate}],
        },
        warnings=("These answers were recorded earlier; how they were asked for is not known here.",),
    )
    answers = Answers(suite=suite, metrics=loaded.metrics[suite.name], outcomes=outcomes)
    return finish(answers, {}, story, options.out / suite.name / run_id, _audit)


def _audit(_: str, table: ScoreTable) -> tuple[tuple[Reason, ...], tuple[str, ...]]:
    silent = tuple(identity.silent_answers(table))
    try:
        warning = identity.refuse_equal_answers(table, None)
    except InvalidEvidence as error:
        return (Reason(code=error.code, is_blocking=True, detail=str(error)),), silent
    return (), (*silent, warning) if warning else silent


def _is_answers(path: Path) -> bool:
    return path.is_file() and path.name != "verdict.json"


def _recorded(name: str, role: str, suite: Suite, options: CompareOptions) -> Recorded:
    """The answers behind a file of outputs, a run, or `RUN:baseline` / `RUN:candidate`."""
    path = Path(name)
    if _is_answers(path):
        found = ModelIdentity(weights_sha256=file_sha256(path), engine="recorded answers", is_fixed=True)
        return Recorded(spec=_spec(suite, role, path.name, path), identity=found, answers=_from_file(path))
    run_name, _, side = name.rpartition(":") if name.endswith((":baseline", ":candidate")) else (name, "", "candidate")
    run = find_run(run_name, options.out)
    then = run.document.get("provenance", {}).get("data_sha256")
    if then != suite.dataset_sha256:
        raise UsageError(
            f"{name} was run on other data than {options.suite_path} names (sha256 {then} and {suite.dataset_sha256}): "
            "deltas across data versions mean nothing"
        )
    found = ModelIdentity(engine=f"recorded answers of run {run.document['run']} ({side})", is_fixed=True)
    recorded = recorded_outcomes(run, side)
    return Recorded(
        spec=_spec(suite, role, f"{run.document['run']}:{side}", None),
        identity=found,
        candidate=str((run.document.get("reuse") or {}).get("candidate") or "") if side == "candidate" else "",
        answers=lambda sample_id: recorded.get(sample_id, ()),
    )


def _spec(suite: Suite, role: str, model: str, path: Path | None) -> ModelSpec:
    declared = suite.models.get(role) or suite.models[suite.baselines[0]]
    return ModelSpec(role=role, backend="outputs", model=model, path=path, prompt=declared.prompt, price=declared.price)


def _from_file(path: Path) -> Callable[[str], Sequence[Outcome]]:
    rows = read_rows(path)
    places: dict[str, list[tuple[str, int]]] = {}
    for place in sorted(rows):
        places.setdefault(place[0], []).append(place)

    def outcome(row: Row) -> Outcome:
        try:
            return row.response()
        except RecordedError as error:
            return Failure(kind=error.kind, message=str(error))

    return lambda sample_id: [outcome(rows[place]) for place in places.get(sample_id, ())]
