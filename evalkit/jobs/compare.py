"""`evalkit compare`: decide from answers already recorded. Nothing is asked of any model."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, structs

from evalkit.backends.outputs import Row, read_rows
from evalkit.errors import InvalidEvidence, RecordedError, UsageError
from evalkit.fingerprint import file_sha256
from evalkit.jobs.recorded import FinishedRun, find_run, recorded_outcomes
from evalkit.jobs.running.finish import Finished, finish
from evalkit.jobs.running.known_ids import refuse_unknown_ids
from evalkit.jobs.running.pairs import Answers, Story
from evalkit.jobs.running.run import load_all
from evalkit.judging.metric import JudgeMetric
from evalkit.protocols import Metric
from evalkit.run import identity
from evalkit.store.home import new_run_id
from evalkit.suites.diagnostics import did_you_mean
from evalkit.types import BASELINE, CANDIDATE, Failure, ModelIdentity, ModelSpec, Outcome, Reason, Suite
from evalkit.types.table import ScoreTable


class CompareOptions(Struct, frozen=True, kw_only=True):
    """What the command line asks of a comparison."""

    baseline: str
    candidate: str
    suite_path: Path
    command: str
    out: Path = Path("reports")
    overrides: tuple[str, ...] = ()


class Recorded(Struct, frozen=True, kw_only=True):
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
    ungraded = tuple(_ungraded(loaded.main, loaded.metrics[loaded.main.name]))
    named = {name: Path(name) for name in (options.baseline, options.candidate)}
    refuse_unknown_ids({name: path for name, path in named.items() if _is_answers(path)}, [loaded.main])
    sides = {
        "baseline": _recorded(options.baseline, "baseline", loaded.main, options),
        "candidate": _recorded(options.candidate, "candidate", loaded.main, options),
    }
    suite = structs.replace(loaded.main, models={role: side.spec for role, side in sides.items()})

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
        warnings=("These answers were recorded earlier; how they were asked for is not known here.", *ungraded),
    )
    answers = Answers(suite=suite, metrics=loaded.metrics[suite.name], outcomes=outcomes)
    return finish(answers, {}, story, options.out / suite.name / run_id, _audit)


def _ungraded(suite: Suite, metrics: Mapping[str, Metric]) -> Iterator[str]:
    """A sentence for each metric that has no scores here. Raises UsageError where the gate would decide on one."""
    for name, metric in metrics.items():
        if not isinstance(metric, JudgeMetric):
            continue
        if name in suite.gate.primary.metrics:
            raise UsageError(
                f"{suite.path}: gate.primary: '{name}' is graded by a judge, and compare asks no model\n"
                "  help: evalkit run has recorded answers graded: {backend: outputs, path: FILE} for both models"
            )
        yield f"'{name}' is graded by a judge, and compare asks no model, so that it has no scores here."


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
    """The answers behind a file of outputs, a run, or `RUN:SIDE`."""
    path = Path(name)
    if _is_answers(path):
        found = ModelIdentity(weights_sha256=file_sha256(path), engine="recorded answers", is_fixed=True)
        return Recorded(spec=_spec(suite, role, path.name, path), identity=found, answers=_from_file(path))
    run, side = _side_of_run(name, options.out)
    then = run.document.get("provenance", {}).get("data_sha256")
    if then != suite.dataset_sha256:
        raise UsageError(
            f"{name} was run on other data than {options.suite_path} names (sha256 {then} and {suite.dataset_sha256}): "
            "deltas across data versions mean nothing"
        )
    found = ModelIdentity(engine=f"recorded answers of run {run.document['run']} ({side})", is_fixed=True)
    against = str(run.document.get("against") or BASELINE)
    recorded = recorded_outcomes(run, BASELINE if side == against else side)
    entry = against if side == BASELINE else side
    return Recorded(
        spec=_spec(suite, entry if entry in suite.models else role, f"{run.document['run']}:{side}", None, role=role),
        identity=found,
        candidate=str((run.document.get("reuse") or {}).get("candidate") or "") if side == "candidate" else "",
        answers=lambda sample_id: recorded.get(sample_id, ()),
    )


def _side_of_run(name: str, out: Path) -> tuple[FinishedRun, str]:
    """The run and which side of it: the candidate where `name` is a run, else what stands after the last colon."""
    run_name, _, side = name.rpartition(":")
    if not run_name or _is_run(name, out):
        return find_run(name, out), CANDIDATE
    run = find_run(run_name, out)
    sides = [CANDIDATE, BASELINE, *(one for one in run.document.get("baselines") or {} if one != BASELINE)]
    if side not in sides:
        raise UsageError(
            f"run {run.document['run']} has no side called '{side}'{did_you_mean(side, sides)}\n  help: it has "
            f"{', '.join(sides)}" + (", of which `baseline` is the one that decided" if len(sides) > 2 else "")  # noqa: PLR2004 - more than the two every run has
        )
    return run, side


def _is_run(name: str, out: Path) -> bool:
    try:
        find_run(name, out)
    except UsageError:
        return False
    return True


def _spec(suite: Suite, entry: str, model: str, path: Path | None, *, role: str = "") -> ModelSpec:
    """A recorded side as `role`, with the prompt and prices of the suite's `entry`."""
    declared = suite.models.get(entry) or suite.models[suite.baselines[0]]
    return ModelSpec(
        role=role or entry, backend="outputs", model=model, path=path, prompt=declared.prompt, price=declared.price
    )


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
