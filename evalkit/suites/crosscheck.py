"""Every row against every prompt and metric, before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping

from evalkit.suites.data import Data, reach
from evalkit.suites.diagnostics import Problems, did_you_mean, dotted, listing
from evalkit.suites.prompts import PromptError
from evalkit.suites.samples import Samples
from evalkit.suites.side_schema import loc_of
from evalkit.suites.sides import BuiltSide, Workshop, report_prompt
from evalkit.suites.yaml_source import Loc
from evalkit.types import MetricSpec

TARGETLESS = frozenset({"json_schema", "judge", "length", "refusal", "regex"})
"""Metrics that look at the answer alone; a judge says by itself what it is shown besides."""
_NULL_TELLS = frozenset({"tool_call"})
"""Metrics for which a target of null says something: no call is wanted."""
_FILLS_IN = re.compile(r"\{[{%]")


def check_prompts(made: Samples, sides: Mapping[str, BuiltSide], shop: Workshop, problems: Problems) -> None:
    """Renders every sample for every distinct prompt: a template's fault at its line, a row's at the row's line."""
    distinct = {(b.spec.prompt.template, b.spec.prompt.messages_field): b for b in sides.values()}
    for built in distinct.values():
        for i, (sample, line) in enumerate(zip(made.samples, made.lines, strict=True)):
            try:
                built.composer.turns(sample.fields)
            except PromptError as error:
                if i == 0 and built.spec.prompt.template is not None:
                    report_prompt(error, built.template_file, built.template_loc, shop)
                    break
                problems.add(line, error.message, fix=error.fix)
    for role, built in sides.items():
        prompt = built.spec.prompt
        if prompt.template is not None and not _FILLS_IN.search(prompt.template) and len(made.samples) > 1:
            message = "the prompt fills in nothing from the row: every sample would be asked the same"
            fix = f"write {{{{ {next(iter(made.samples[0].fields), 'text')} }}}} where the sample belongs"
            report_prompt(PromptError(message, fix=fix), built.template_file, built.template_loc, shop)
        if prompt.template is None and prompt.messages_field is None and built.spec.backend != "outputs":
            message = f"{dotted(loc_of(role))}: nothing says what to ask: neither `messages` nor `prompt` is given"
            shop.findings.at(
                loc_of(role),
                message,
                help="name a chat column in dataset.messages or a template in dataset.prompt",
                on_key=True,
            )


def _compares(metric: MetricSpec) -> bool:
    """Whether the metric needs a sample's target; `contains` with texts of its own does not."""
    return metric.type not in TARGETLESS and "text" not in metric.options


def check_targets(
    made: Samples, metrics: tuple[MetricSpec, ...], data: Data, shop: Workshop, problems: Problems
) -> None:
    """Every metric that compares has something to compare with, in every row."""
    comparing = [(i, metric) for i, metric in enumerate(metrics) if _compares(metric)]
    dataset = shop.parts.dataset
    if not comparing or not made.samples or dataset is None:
        return
    if dataset.target is None:
        without = [line for sample, line in zip(made.samples, made.lines, strict=True) if sample.target is None]
        if len(without) == len(made.samples):
            message = f"dataset.target is missing: metric '{comparing[0][1].name}' compares answers with it"
            shop.findings.at(("dataset",), message, help=f"columns: {listing(data.columns)}", on_key=True)
        else:
            for line in without:
                problems.add(line, "the chat has no assistant turn after its last user turn to serve as target")
        return
    bare = [metric.name for _, metric in comparing if metric.type not in _NULL_TELLS]
    if bare and all(sample.target is None for sample in made.samples):
        message = (
            f"dataset.target: '{dataset.target[:60]}' is null in every row, and metric '{bare[0]}' compares with it"
        )
        shop.findings.at(("dataset", "target"), message, help=f"columns: {listing(data.columns)}")
        return
    for i, metric in comparing:
        if metric.field is not None:
            _check_field(metric.field, ("metrics", i, "field"), made, shop, problems)


def _check_field(field: str, loc: Loc, made: Samples, shop: Workshop, problems: Problems) -> None:
    for i, (sample, line) in enumerate(zip(made.samples, made.lines, strict=True)):
        if not isinstance(sample.target, dict) or reach(sample.target, field)[0]:
            continue
        if i == 0:
            keys = list(sample.target)
            message = f"{dotted(loc)}: the targets have no '{field[:60]}'{did_you_mean(field, keys)}"
            shop.findings.at(loc, message, help=f"a target has: {listing(keys)}")
            return
        fix = f"the target has: {listing(sample.target)}" if sample.target else None
        problems.add(line, f"the target has no '{field[:60]}', which {dotted(loc)} names", fix=fix)
