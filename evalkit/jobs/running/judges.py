"""The judges of a run, at the steps where it meets them.

What judging takes is loaded where a suite has a judge: other runs start a tenth sooner without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.plugins import JUDGE
from evalkit.protocols import Metric
from evalkit.store.journal import Journal
from evalkit.types import ModelSpec, Suite

if TYPE_CHECKING:
    from evalkit.jobs.judging.in_run import Work
    from evalkit.jobs.running.asking import Asking
    from evalkit.jobs.running.pairs import Answers, Story
    from evalkit.jobs.running.sides import Opened

Metrics = Mapping[str, Mapping[str, Metric]]
"""suite → metric → metric"""


def refuse_early(suites: Sequence[Suite], metrics: Metrics, max_usd: float | None) -> None:
    """Raises UsageError for what would only come out after the sides were asked and paid for."""
    if _has_judge(suites):
        from evalkit.jobs.judging import at_start

        at_start.refuse_early(suites, metrics, max_usd)


def models(suites: Sequence[Suite], metrics: Metrics) -> Mapping[str, ModelSpec]:
    """The models of all judges by role, to be opened with the sides."""
    if not _has_judge(suites):
        return {}
    from evalkit.jobs.judging import at_start

    return at_start.judge_models(metrics)


def panels(suites: Sequence[Suite], metrics: Metrics, sides: Mapping[str, Opened]) -> Sequence[Work]:
    """The judges of a run once their models are opened."""
    if not _has_judge(suites):
        return ()
    from evalkit.jobs.judging import in_run

    return in_run.panels(suites, metrics, sides)


def refuse_changed(work: Sequence[Work], journal: Journal) -> None:
    """Raises InvalidEvidence where the run was begun with other judges."""
    if work:
        from evalkit.jobs.judging import in_run

        in_run.refuse_changed_judges(work, journal)


async def ask(work: Sequence[Work], journal: Journal, asking: Asking, concurrency: int | None) -> None:
    """Returns once every answer was put to its judge."""
    if work:
        from evalkit.jobs.judging import in_run

        await in_run.ask_judges(work, journal, asking, concurrency)


def with_grades(
    work: Sequence[Work], answers: Sequence[Answers], story: Story, journal: Journal, folder: Path
) -> tuple[Sequence[Answers], Story]:
    """(the suites' answers with metrics that know their grades, the story with what is known of each judge)."""
    if not work:
        return answers, story
    from evalkit.jobs.judging import in_run

    return in_run.with_grades(work, answers, story, journal, folder)


def _has_judge(suites: Sequence[Suite]) -> bool:
    return any(spec.type == JUDGE for suite in suites for spec in suite.metrics)
