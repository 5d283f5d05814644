"""What every metric and every check has to do. Reached through `evalkit.testing.contracts`."""
# ruff: noqa: S101, D102 - a contract is made of assertions about figures; a test's name is its sentence

from __future__ import annotations

import random
from pathlib import Path

import pytest
from msgspec import structs

from evalkit.protocols import Check, Metric
from evalkit.types import (
    Finding,
    GateSpec,
    MetricSpec,
    ModelSpec,
    PrimarySpec,
    Sample,
    Scored,
    Suite,
    Unscored,
)

NASTY_TEXTS = (
    "",
    " \t\r\n",
    "\u0000",
    "\ud83d",
    "\u202e\u200b",
    "null",
    "NaN",
    "1e999",
    "{",
    "[" * 5_000,
    '{"a": {"a": ' * 500,
    '{"intent": ["x"]}',
    "```json\n{}\n```",
    "(a+)+$" * 50,
    "word " * 20_000,
    "😀" * 1_000,
)
"""Answers that models and broken pipes really produce."""


class MetricContract:
    """Holds for every metric. Subclasses define the fixtures `metric` and `sample`."""

    @pytest.fixture
    def metric(self) -> Metric:
        """The metric under test."""
        raise NotImplementedError("define the fixture `metric` in the subclass")

    @pytest.fixture
    def sample(self) -> Sample:
        """A sample the metric can score."""
        raise NotImplementedError("define the fixture `sample` in the subclass")

    def test_is_a_metric(self, metric: Metric) -> None:
        assert isinstance(metric, Metric)
        assert metric.name

    @pytest.mark.parametrize("text", NASTY_TEXTS, ids=map(str, range(len(NASTY_TEXTS))))
    def test_scores_any_text_the_same_each_time(self, metric: Metric, sample: Sample, text: str) -> None:
        first, second = metric.score(text, sample), metric.score(text, sample)
        assert first == second
        assert isinstance(first, Scored | Unscored)
        assert first.metric == metric.name
        if isinstance(first, Scored):
            assert 0.0 <= first.value <= 1.0

    def test_scores_random_texts(self, metric: Metric, sample: Sample) -> None:
        rng = random.Random(11)  # noqa: S311 - no secret
        for _ in range(200):
            text = "".join(
                chr(rng.choice((rng.randrange(128), rng.randrange(0x2FFF)))) for _ in range(rng.randrange(60))
            )
            assert isinstance(metric.score(text, sample), Scored | Unscored)


class CheckContract:
    """Holds for every check. Subclasses define the fixture `check`."""

    @pytest.fixture
    def check(self) -> Check:
        """The check under test."""
        raise NotImplementedError("define the fixture `check` in the subclass")

    @pytest.fixture
    def suite(self) -> Suite:
        """A suite with a sample for every nasty text."""
        texts = enumerate(NASTY_TEXTS)
        samples = tuple(Sample(id=f"s{i}", fields={"text": text}, target="yes") for i, text in texts)
        return Suite(
            name="contract",
            path=Path("suite.yaml"),
            root=Path(),
            samples=samples,
            dataset_path=Path("samples.jsonl"),
            dataset_sha256="0" * 64,
            is_locked=False,
            models={role: ModelSpec(role=role, backend="outputs") for role in ("baseline", "candidate")},
            metrics=(MetricSpec(name="exact", type="exact_match"),),
            gate=GateSpec(primary=PrimarySpec(metric="exact")),
        )

    def test_is_a_check(self, check: Check) -> None:
        assert isinstance(check, Check)

    def test_finds_the_same_each_time_in_samples_there_are(self, check: Check, suite: Suite) -> None:
        first, second = check.inspect(suite), check.inspect(suite)
        assert isinstance(first, Finding)
        assert first == second
        assert first.samples.keys() <= {sample.id for sample in suite.samples}
        assert bool(first.detail) >= bool(first.samples), "what is wrong is said in a sentence"

    def test_finds_nothing_in_nothing(self, check: Check, suite: Suite) -> None:
        assert not check.inspect(structs.replace(suite, samples=())).samples
