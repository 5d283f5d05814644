"""The metrics of a suite, ready to score, judges among them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from msgspec import structs

from evalkit.errors import Diagnostic, UsageError
from evalkit.metrics.options import OptionError
from evalkit.plugins import JUDGE, backend_names, make_metric
from evalkit.protocols import Metric
from evalkit.suites.load import read_source
from evalkit.suites.overrides import with_overrides
from evalkit.suites.yaml_source import Source
from evalkit.types import MetricSpec, Suite


def build_metrics(suite: Suite, overrides: Sequence[str] = ()) -> dict[str, Metric]:
    """The suite's metrics by name, with the `overrides` it was loaded with.

    Raises UsageError, located, over every option of every metric that cannot be acted on.
    """
    built: dict[str, Metric] = {}
    found: list[Diagnostic] = []
    source: Source | None = None
    for number, spec in enumerate(suite.metrics):
        try:
            built[spec.name] = _metric(suite, number)
        except OptionError as error:
            source = source or with_overrides(read_source(suite.path), overrides)
            found += [_placed(each, number, source) for each in _mistakes(suite, number, error)]
        except UsageError as error:
            found += (dataclasses.replace(each, path=each.path or str(suite.path)) for each in error.diagnostics)
    if found:
        raise UsageError(diagnostics=tuple(found))
    return built


def _mistakes(suite: Suite, number: int, error: OptionError) -> Iterator[OptionError]:
    """The error, and those that show once the option it is about is left out."""
    spec: MetricSpec = suite.metrics[number]
    later: UsageError | None = error
    while isinstance(later, OptionError) and (later is error or later.key in spec.options):
        yield later
        spec = structs.replace(spec, options={k: v for k, v in spec.options.items() if k != later.key})
        later = _refusal(spec, suite) if error.key else None


def _refusal(spec: MetricSpec, suite: Suite) -> UsageError | None:
    try:
        make_metric(spec, suite.samples)
    except UsageError as error:
        return error
    return None


def _placed(error: OptionError, number: int, source: Source) -> Diagnostic:
    """The mistake at its option's value, as a mistake of any other key is told."""
    (found,) = error.diagnostics
    loc = ("metrics", number, error.key) if error.key else ("metrics", number)
    return source.diagnostic(loc, found.message, help=found.help)


def _metric(suite: Suite, number: int) -> Metric:
    spec = suite.metrics[number]
    if spec.type != JUDGE:
        return make_metric(spec, suite.samples)
    from evalkit.judging.items import Showing
    from evalkit.judging.load import suite_judge
    from evalkit.judging.metric import JudgeMetric

    judge = suite_judge(suite, number, backends=backend_names())
    return JudgeMetric(name=spec.name, showing=Showing(spec=judge.spec, columns=judge.columns))
