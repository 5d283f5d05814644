"""The judges that a run's metrics name, and what is refused of them before anything is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import structs

from evalkit.errors import UsageError
from evalkit.judging.metric import JudgeMetric
from evalkit.protocols import Metric
from evalkit.run.judging import role_of
from evalkit.suites.data import reach
from evalkit.suites.diagnostics import did_you_mean, listing
from evalkit.types import AGAIN, ModelSpec, Suite

FREE_BACKENDS = frozenset({"local", "outputs"})
Metrics = Mapping[str, Mapping[str, Metric]]
"""suite name → metric name → metric"""


def judges_of(metrics: Metrics) -> Iterator[tuple[str, JudgeMetric]]:
    """Every metric of a run that is a judge's: (suite's name, metric)."""
    for suite, named in metrics.items():
        for metric in named.values():
            if isinstance(metric, JudgeMetric):
                yield suite, metric


def judge_models(metrics: Metrics) -> dict[str, ModelSpec]:
    """The models of all judges by role, to be opened with the sides."""
    return {
        (role := role_of(suite, metric.name, member)): structs.replace(spec, role=role)
        for suite, metric in judges_of(metrics)
        for member, spec in metric.spec.members.items()
    }


def refuse_early(suites: Sequence[Suite], metrics: Metrics, max_usd: float | None) -> None:
    """Raises UsageError for what would only come out after the sides were asked and paid for."""
    by_name = {suite.name: suite for suite in suites}
    for name, metric in judges_of(metrics):
        suite, where = by_name[name], f"metric '{metric.name}'"
        if metric.spec.mode == "pairwise":
            _refuse_unpaired(suite, where)
        _refuse_inputs(suite, metric, where)
        if metric.spec.mode == "reference":
            without = next((s.id for s in suite.samples if "reference" in metric.showing.missing(s)), None)
            if without is not None:
                raise UsageError(
                    f"{suite.path}: {where}: its judge compares with a reference, and sample '{without[:100]}' has "
                    "none: name the column in dataset.target, or in the metric's inputs: {reference: COLUMN}"
                )
        for spec in metric.spec.members.values():
            if max_usd is not None and spec.price is None and spec.backend not in FREE_BACKENDS:
                raise UsageError(
                    f"a cap of {max_usd:g} USD cannot be kept: the judge of {where} has no price (price: {{input: …,"
                    " output: …} beside its model, USD per million tokens); --max-tokens and --max-requests need none"
                )


def _refuse_inputs(suite: Suite, metric: JudgeMetric, where: str) -> None:
    """Raises UsageError for a column that no sample has, and for one that the judge would never be shown."""
    for name, column in metric.showing.columns.items():
        if name not in metric.spec.inputs:
            shown = listing(metric.spec.inputs)
            raise UsageError(f"{suite.path}: {where}: inputs.{name}: its judge is not shown {name}, only {shown}")
        if suite.samples and not any(reach(sample.fields, column)[0] for sample in suite.samples):
            near = did_you_mean(column, list(suite.samples[0].fields))
            raise UsageError(f"{suite.path}: {where}: inputs.{name}: no sample has a column '{column[:60]}'{near}")


def _refuse_unpaired(suite: Suite, where: str) -> None:
    problem = None
    if len(suite.baselines) > 1:
        problem = "it compares two sides, and this suite has several baselines"
    elif AGAIN in suite.models:
        problem = "it compares the two sides, so --noise-floor has nothing to compare with"
    elif any(spec.generation.repeats > 1 for spec in suite.models.values()):
        problem = "it compares one answer with one, and generation.repeats asks for several"
    if problem is not None:
        raise UsageError(
            f"{suite.path}: {where}: its judge is pairwise: {problem}; a judge of mode rubric has no such limit"
        )
