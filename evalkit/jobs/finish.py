"""From outcomes to the files of a finished run: score, decide, render, write."""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from evalkit import __version__
from evalkit.compare.gate import Evidence, decide
from evalkit.compare.guards import Measured
from evalkit.compare.parts import compare_primary
from evalkit.costs.payback import costs_of
from evalkit.errors import UsageError
from evalkit.jobs.checks import checked
from evalkit.jobs.resume import suite_fingerprint
from evalkit.jobs.reuse import Judged, candidate_fingerprint, counted
from evalkit.metrics.classification import ClassRow, ClassTable, per_class
from evalkit.numbers import interval, signed
from evalkit.plugins import Kind, make_metric, origin_of
from evalkit.protocols import Metric
from evalkit.report.document import RunFacts, verdict_document
from evalkit.report.html import html_pieces
from evalkit.report.junit import render_junit
from evalkit.report.markdown import render_markdown
from evalkit.report.samples import ROWS, SampleFile
from evalkit.run.scoring import OutcomesOf, Scoring
from evalkit.store.files import point_latest, write_atomic
from evalkit.suites.prompts import Renderer
from evalkit.types import ModelIdentity, Reason, Sample, Suite, Verdict
from evalkit.types.table import ScoreTable

_ENCODER = json.JSONEncoder(ensure_ascii=True, allow_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """One suite's outcomes, complete or not."""

    suite: Suite
    metrics: Mapping[str, Metric]
    outcomes: OutcomesOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """How the answers came about: shown in the report, and part of what decides where a check failed."""

    run: str
    suite_file: str
    command: str
    created: str
    is_limited: bool = False
    candidate: str = ""
    """The candidate's fingerprint where another run has worked it out; empty: from its entry and identity."""
    identities: Mapping[str, ModelIdentity] = field(default_factory=dict)
    probe: Mapping[str, Any] = field(default_factory=dict)
    differences: Sequence[Mapping[str, Any]] = ()
    blocking: tuple[Reason, ...] = ()
    warnings: tuple[str, ...] = ()
    timings: Mapping[str, Any] = field(default_factory=dict)
    next_command: str | None = None
    """What asks for the answers that are missing; None where nothing can be asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a run leaves."""

    folder: Path
    document: dict[str, Any]


def build_metrics(suite: Suite) -> dict[str, Metric]:
    """The suite's metrics by name. Raises UsageError, located, for one that cannot be built."""
    try:
        return {spec.name: make_metric(spec, suite.samples) for spec in suite.metrics}
    except UsageError as error:
        located = (dataclasses.replace(d, path=d.path or str(suite.path)) for d in error.diagnostics)
        raise UsageError(diagnostics=tuple(located)) from error


Audit = Callable[[ScoreTable], tuple[tuple[Reason, ...], tuple[str, ...]]]
"""What the answers say about the models behind them: (blocking reasons, warnings)."""


def finish(main: Answers, guards: Mapping[str, Answers], story: Story, folder: Path, audit: Audit) -> Finished:
    """Scores and decides, then writes every file of the run into `folder`.

    `guards`: the guard suites' answers by the path their guard names.
    """
    question = asked(main.suite)
    looked_at = checked(main.suite, question)
    everything, main = main, dataclasses.replace(main, suite=looked_at.suite)
    scoring = _scoring(main)
    write_atomic(folder / ROWS, (_line(row) for row in scoring.rows(question)))
    table = scoring.table()
    others = {path: _scoring(answers).finish() for path, answers in guards.items()}
    blocking, warnings = audit(table)
    seed = suite_fingerprint(main.suite)
    warnings = (*warnings, *_crashes(table), *_left_out(everything, main, seed))
    costs = costs_of(table, main.suite)
    evidence = Evidence(
        suite=main.suite,
        main=Measured(table=table, metrics=main.metrics),
        guards={path: Measured(table=t, metrics=guards[path].metrics) for path, t in others.items()},
        seed=seed,
        is_limited=story.is_limited,
        blocking=story.blocking + blocking + looked_at.blocking,
        payback=costs.payback,
    )
    verdict = _decided(evidence, story)
    facts = RunFacts(
        suite=main.suite,
        suite_file=story.suite_file,
        run=story.run,
        created=story.created,
        verdict=verdict,
        table=table,
        costs=costs,
        flips=scoring.flips,
        identities=story.identities,
        probe=story.probe,
        differences=story.differences,
        per_class=_per_class(main, scoring),
        contamination=looked_at.contamination,
        checks=looked_at.checks,
        next_command=story.next_command,
        provenance=_provenance(main.suite, story, seed),
        warnings=(*main.suite.warnings, *story.warnings, *warnings, *looked_at.warnings, *verdict.cautions),
    )
    return _written(facts, story, folder)


def _decided(evidence: Evidence, story: Story) -> Verdict:
    """The verdict, with this use of the samples counted and written down."""
    if story.is_limited:
        return decide(evidence)
    spec, identity = evidence.suite.models["candidate"], story.identities.get("candidate")
    candidate = story.candidate or candidate_fingerprint(spec, identity)
    with counted(Judged(suite=evidence.suite, candidate=candidate, run=story.run, created=story.created)) as uses:
        verdict = decide(dataclasses.replace(evidence, reuse=uses.reuse))
        uses.write(verdict)
    return verdict


def finish_refused(suite: Suite, story: Story, folder: Path) -> Finished:
    """Writes the files of a run that was refused before anything was asked; `story.blocking` says why."""
    verdict = Verdict(status="invalid", reasons=story.blocking)
    facts = RunFacts(
        suite=suite,
        suite_file=story.suite_file,
        run=story.run,
        created=story.created,
        verdict=verdict,
        table=None,
        identities=story.identities,
        probe=story.probe,
        differences=story.differences,
        provenance=_provenance(suite, story, suite_fingerprint(suite)),
        warnings=(*suite.warnings, *story.warnings),
    )
    write_atomic(folder / ROWS, b"")
    return _written(facts, story, folder)


def _scoring(answers: Answers) -> Scoring:
    return Scoring(answers.suite, list(answers.metrics.values()), answers.outcomes)


def asked(suite: Suite) -> Callable[[Sample], str]:
    """What a reader takes for a sample's question: the last user turn as the candidate is sent it."""
    spec = suite.models["candidate"]
    if spec.prompt.template is None and spec.prompt.messages_field is None:
        return lambda sample: json.dumps(dict(sample.fields), ensure_ascii=False)
    renderer = Renderer(spec)
    return lambda sample: next((m.content for m in reversed(renderer.messages(sample)) if m.role == "user"), "")


def _per_class(main: Answers, scoring: Scoring) -> list[dict[str, Any]]:
    tables = []
    for name, metric in main.metrics.items():
        labels = getattr(metric, "labels", None)
        if labels:
            sides = {role: per_class(scoring.read[name, role], labels) for role in ("baseline", "candidate")}
            tables.append({"metric": name, "labels": list(labels)} | _side_by_side(sides))
    return tables


def _side_by_side(sides: Mapping[str, ClassTable]) -> dict[str, Any]:
    base, cand = sides["baseline"], sides["candidate"]
    rows = [
        {"label": left.label, "n": left.support, "baseline": _rates(left), "candidate": _rates(right)}
        for left, right in zip(base.rows, cand.rows, strict=True)
    ]
    return {"rows": rows, "confusion": {"baseline": base.confusion, "candidate": cand.confusion}}


def _rates(row: ClassRow) -> dict[str, float | None]:
    shares = {"precision": row.precision, "recall": row.recall, "f1": row.f1}
    return {name: None if share is None else round(100.0 * share, 4) for name, share in shares.items()}


def _provenance(suite: Suite, story: Story, seed: str) -> dict[str, Any]:
    return {
        "evalkit": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "seed": suite.models["candidate"].generation.seed,
        "suite_fingerprint": seed,
        "data_sha256": suite.dataset_sha256,
        "is_locked": suite.is_locked,
        "dataset": suite.dataset_path.name,
        "plugins": _plugins_of(suite),
        "command": story.command,
        **story.timings,
    }


def _left_out(everything: Answers, judged: Answers, seed: str) -> Iterator[str]:
    """A sentence when checks left samples out: how many, and what the difference is with them."""
    n, left = len(everything.suite.samples), len(judged.suite.samples)
    if left == n:
        return
    gate = everything.suite.gate
    table = _scoring(everything).finish()
    found = compare_primary(everything.metrics[gate.primary.metric], table, gate, seed=seed)
    on_all = "cannot be measured"
    if found.delta_points is not None and found.ci95 is not None:
        on_all = f"is {signed(found.delta_points)} points {interval((found.ci95.low, found.ci95.high))}"
    yield (
        f"{n - left:,} of {n:,} held-out samples are left out (below is why); on all samples the difference on "
        f"{found.metric} {on_all}."
    )


def _crashes(table: ScoreTable) -> Iterator[str]:
    """A sentence for each metric that failed on answers it should have scored."""
    for role, columns in table.columns.items():
        for name, column in columns.items():
            if n := column.why.get("metric_crashed", 0):
                yield f"The metric '{name}' failed itself on {n:,} answers of the {role}; they are unscored."


def _plugins_of(suite: Suite) -> dict[str, str]:
    """The packages whose code had a say, by what they brought."""
    named: list[tuple[Kind, str]] = [("backends", side.backend) for side in suite.models.values()]
    named += [("metrics", metric.type) for metric in suite.metrics]
    named += [("checks", check.type) for check in suite.checks]
    return {f"{kind}/{name}": origin for kind, name in named if (origin := origin_of(kind, name))}


def _manifest(facts: RunFacts, story: Story) -> dict[str, Any]:
    suite = facts.suite
    return {
        "schema": "evalkit.manifest/1",
        "suite": dict(suite.declared),
        "suite_name": suite.name,
        "digests": dict(suite.digests),
        "provenance": dict(facts.provenance),
        "prompts": {role: _prompt(suite, role) for role in suite.models},
        "versions": {"evalkit": __version__, "python": platform.python_version()},
        "command": story.command,
        "run": story.run,
    }


def _prompt(suite: Suite, role: str) -> dict[str, Any]:
    spec = suite.models[role]
    shown: list[dict[str, str]] = []
    if spec.prompt.template is not None or spec.prompt.messages_field is not None:
        messages = Renderer(spec).messages(suite.samples[0])
        shown = [{"role": m.role, "content": m.content} for m in messages]
    return {
        "system": spec.prompt.system,
        "template": spec.prompt.template,
        "shots": len(spec.prompt.shots),
        "example_messages": shown,
    }


def _written(facts: RunFacts, story: Story, folder: Path) -> Finished:
    """Writes everything but the samples, which are there already."""
    document, manifest = verdict_document(facts), _manifest(facts, story)
    write_atomic(folder / "manifest.json", _pretty(manifest))
    rows = SampleFile(folder / ROWS)
    write_atomic(folder / "report.html", html_pieces(document, rows, manifest))
    write_atomic(folder / "summary.md", render_markdown(document, rows).encode("utf-8", "backslashreplace"))
    write_atomic(folder / "junit.xml", render_junit(document))
    # Last: whoever finds a verdict.json finds all the rest.
    write_atomic(folder / "verdict.json", _pretty(document))
    point_latest(folder)
    return Finished(folder=folder, document=document)


def _line(row: Mapping[str, Any]) -> bytes:
    try:
        data = msgspec.json.encode(row)
    except UnicodeEncodeError:  # a lone surrogate, which only json can write
        return _ENCODER.encode(row).encode("ascii") + b"\n"
    # ASCII, so that no terminal or editor stumbles over what a model wrote.
    return (data if data.isascii() else _ENCODER.encode(msgspec.json.decode(data)).encode("ascii")) + b"\n"


def _pretty(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=True, allow_nan=False, indent=1).encode("ascii") + b"\n"
