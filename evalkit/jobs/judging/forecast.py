"""What a run would ask its judges, at most: equal answers are judged once, and recorded replies cost nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from evalkit.jobs.judging.at_start import Metrics, judges_of
from evalkit.jobs.planning.forecast import AT_MOST, CHARACTERS_PER_TOKEN, TOKENS_PER_TURN, Load
from evalkit.jobs.running.finish import asked as question_of
from evalkit.judging.metric import JudgeMetric
from evalkit.judging.retest import how_many
from evalkit.judging.wording import messages
from evalkit.run.judging import role_of
from evalkit.types import ModelSpec, Suite

ESTIMATED = "judges: at most, every answer different and as long as max_tokens allows, 4 characters a token"
_LOOKED_AT = 50
"""Samples whose questions are worded to see how long they are."""


def judge_loads(suites: Sequence[Suite], metrics: Metrics) -> Iterator[Load]:
    """The load of each model of each judge."""
    by_name = {suite.name: suite for suite in suites}
    for name, metric in judges_of(metrics):
        items, tokens = _items(by_name[name], metric), _tokens_each(by_name[name], metric)
        for member, spec in metric.spec.members.items():
            yield _load(name, role_of(name, metric.name, member), spec, items, tokens)


def _load(suite: str, role: str, spec: ModelSpec, items: int, tokens: float) -> Load:
    requests = items * spec.generation.repeats
    to_send = 0 if spec.backend == "outputs" else requests
    asked, said = round(tokens * to_send), spec.generation.max_tokens * to_send
    return Load(
        suite=suite,
        role=role,
        requests=requests,
        cached=requests - to_send if not to_send else None,
        to_send=to_send,
        input_tokens=asked,
        input_from=ESTIMATED if to_send else "recorded replies",
        output_tokens=said,
        output_from=AT_MOST if to_send else "recorded replies",
        is_output_bound=to_send > 0,
        usd=None if spec.price is None else (asked * spec.price.input + said * spec.price.output) / 1e6,
    )


def _items(suite: Suite, metric: JudgeMetric) -> int:
    """Questions at one vote: each answer once, or each pair both ways round; and those that are asked twice."""
    answers, orders = len(suite.samples), 2
    if metric.spec.mode != "pairwise":
        answers, orders = answers * sum(side.generation.repeats for side in suite.models.values()), 1
    is_recorded = all(member.backend == "outputs" for member in metric.spec.members.values())
    return orders * (answers + (0 if is_recorded else how_many(answers, metric.spec.retest)))


def _tokens_each(suite: Suite, metric: JudgeMetric) -> float:
    """Input tokens of one question, the answer in it taken to be as long as it may be."""
    question, is_pair = question_of(suite), metric.spec.mode == "pairwise"
    longest = max(side.generation.max_tokens for side in suite.models.values())
    answers = longest * (2 if is_pair else 1)
    worded = [
        sum(len(turn.content) / CHARACTERS_PER_TOKEN + TOKENS_PER_TURN for turn in messages(metric.spec, item))
        for sample in suite.samples[:_LOOKED_AT]
        for item in [metric.showing.item(sample, question(sample), "", "" if is_pair else None)]
    ]
    return answers + (fmean(worded) if worded else 0.0)
