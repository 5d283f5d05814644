"""The metrics of a suite, ready to score, judges among them."""

from __future__ import annotations

import dataclasses

from evalkit.errors import UsageError
from evalkit.judging.items import Showing
from evalkit.judging.metric import JudgeMetric
from evalkit.plugins import JUDGE, backend_names, make_metric
from evalkit.protocols import Metric
from evalkit.types import Suite


def build_metrics(suite: Suite) -> dict[str, Metric]:
    """The suite's metrics by name. Raises UsageError, located, for one that cannot be built."""
    try:
        return {spec.name: _metric(suite, number) for number, spec in enumerate(suite.metrics)}
    except UsageError as error:
        located = (dataclasses.replace(d, path=d.path or str(suite.path)) for d in error.diagnostics)
        raise UsageError(diagnostics=tuple(located)) from error


def _metric(suite: Suite, number: int) -> Metric:
    spec = suite.metrics[number]
    if spec.type != JUDGE:
        return make_metric(spec, suite.samples)
    from evalkit.judging.load import suite_judge

    judge = suite_judge(suite, number, backends=backend_names())
    return JudgeMetric(name=spec.name, showing=Showing(spec=judge.spec, columns=judge.columns))
