"""One baseline and the candidate, side by side: what the verdict on the two of them rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from evalkit.compare.gate import Evidence
from evalkit.compare.guards import Measured
from evalkit.compare.instrument import Instrument
from evalkit.costs.payback import Costs, costs_of
from evalkit.jobs.running.resume import suite_fingerprint
from evalkit.protocols import Metric
from evalkit.report.document import Compared
from evalkit.run.scoring import OutcomesOf, Scoring
from evalkit.types import BASELINE, CANDIDATE, JsonValue, ModelIdentity, Reason, Suite, Verdict
from evalkit.types.table import ScoreTable


class Answers(Struct, frozen=True, kw_only=True):
    """One suite's outcomes, complete or not."""

    suite: Suite
    metrics: Mapping[str, Metric]
    outcomes: OutcomesOf


class Story(Struct, frozen=True, kw_only=True):
    """How the answers came about: shown in the report, and part of what decides where a check failed."""

    run: str
    suite_file: str
    command: str
    created: str
    is_limited: bool = False
    candidate: str = ""
    """The candidate's fingerprint where another run has worked it out; empty: from its entry and identity."""
    identities: Mapping[str, ModelIdentity] = field(default_factory=dict)
    """By role."""
    probes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By baseline: what the probe saw of it and the candidate."""
    differences: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """By baseline: what it and the candidate declare differently."""
    blocking: tuple[Reason, ...] = ()
    warnings: tuple[str, ...] = ()
    timings: Mapping[str, Any] = field(default_factory=dict)
    engines: Mapping[str, Mapping[str, JsonValue]] = field(default_factory=dict)
    """What the engines counted while they were asked, by engine; none where they do not say."""
    judges: tuple[Mapping[str, Any], ...] = ()
    """What verdict.json says of each judge."""
    instruments: Mapping[str, Mapping[str, Instrument]] = field(default_factory=dict)
    """By baseline, then by metric of the main suite: what is known of the judge that graded it."""
    next_command: str | None = None
    """What asks for the answers that are missing; None where nothing can be asked again."""

    def sides(self, baseline: str) -> dict[str, ModelIdentity]:
        """The identities of this baseline and the candidate under the roles of a comparison, as far as known."""
        named = ((BASELINE, baseline), (CANDIDATE, CANDIDATE))
        return {role: self.identities[name] for role, name in named if name in self.identities}


Audit = Callable[[str, ScoreTable], tuple[tuple[Reason, ...], tuple[str, ...]]]
"""What the answers of a baseline and the candidate say about the models behind them: (blocking reasons, warnings)."""


class Pair(Struct, frozen=True, kw_only=True):
    """What was found of one baseline and the candidate."""

    suite: Suite
    """With these two sides only, under the roles `baseline` and `candidate`; so is the table."""
    table: ScoreTable
    costs: Costs
    flips: Mapping[str, int]
    evidence: Evidence
    warnings: tuple[str, ...]

    def compared(self, verdict: Verdict, identities: Mapping[str, ModelIdentity]) -> Compared:
        """The pair as the report tells of it."""
        return Compared(
            suite=self.suite,
            table=self.table,
            costs=self.costs,
            flips=self.flips,
            verdict=verdict,
            identity=identities.get(BASELINE),
        )


def pair_of(  # noqa: PLR0917 - a scored run, spelled out
    name: str,
    main: Answers,
    scoring: Scoring,
    guards: Mapping[str, tuple[Answers, Scoring]],
    story: Story,
    audit: Audit,
) -> Pair:
    """The pair of the baseline `name` and the candidate, from suites that were scored."""
    suite, table = main.suite.against(name), scoring.table(name)
    costs = costs_of(table, suite)
    blocking, warnings = audit(name, table)
    several = len(main.suite.baselines) > 1
    evidence = Evidence(
        suite=suite,
        main=Measured(table=table, metrics=main.metrics),
        guards={path: Measured(table=s.table(name), metrics=a.metrics) for path, (a, s) in guards.items()},
        seed=suite_fingerprint(suite),
        is_limited=story.is_limited,
        blocking=story.blocking + blocking,
        payback=costs.payback,
        judges=story.instruments.get(name, {}),
    )
    return Pair(
        suite=suite,
        table=table,
        costs=costs,
        flips=scoring.flips[name, CANDIDATE],
        evidence=evidence,
        warnings=(
            *(f"Against {name}: {sentence}" if several else sentence for sentence in warnings),
            *_crashes(table, name),
        ),
    )


def _crashes(table: ScoreTable, baseline: str) -> Iterator[str]:
    """A sentence for each metric that failed on answers it should have scored."""
    for role, columns in table.columns.items():
        side = baseline if role == BASELINE else role
        for name, column in columns.items():
            if n := column.why.get("metric_crashed", 0):
                told = f" ({column.crash})" if column.crash else ""
                yield f"The metric '{name}' failed itself on {n:,} answer{'s' * (n > 1)} of the {side}{told}: unscored."
