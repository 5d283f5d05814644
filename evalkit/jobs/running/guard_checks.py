"""The checks that guard suites ask for, made of their own samples before they are judged by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, structs

from evalkit.jobs.running.checks import Checked, checked
from evalkit.jobs.running.pairs import Answers
from evalkit.report.document.evidence import UNCHECKED
from evalkit.types import Reason, Sample, Suite

Question = Callable[[Sample], str]


class GuardsChecked(Struct, frozen=True, kw_only=True):
    """The guard suites after their checks."""

    answers: Mapping[str, Answers]
    """By the guard's path; without the samples that a check left out."""
    blocking: tuple[Reason, ...] = ()
    warnings: tuple[str, ...] = ()
    documents: tuple[Mapping[str, Any], ...] = ()
    """One per guard suite that asks for checks, for verdict.json."""


def guards_checked(
    guards: Mapping[str, Answers], question_of: Callable[[Suite], Question], created: str
) -> GuardsChecked:
    """Runs what each guard suite asks for in its own `checks`; every reason and warning names the guard suite.

    A guard suite that is found out by `action: fail`, is stale or has no clean sample makes the evidence invalid, as
    the main suite does: a loss it should have shown may be hidden. Raises UsageError as `checked` does.
    """
    found = {
        path: checked(answers.suite, question_of(answers.suite), created)
        for path, answers in guards.items()
        if asks_for_checks(answers.suite)
    }
    # By its name, which is its own among the suites of a run; the path is this machine's.
    named = [(guards[path].suite, one) for path, one in found.items()]
    return GuardsChecked(
        answers={path: _left(answers, found.get(path)) for path, answers in guards.items()},
        blocking=tuple(
            structs.replace(reason, detail=f"in the guard suite {suite.name}: {reason.detail}")
            for suite, one in named
            for reason in one.blocking
        ),
        warnings=tuple(f"In the guard suite {suite.name}: {told}" for suite, one in named for told in one.warnings),
        documents=tuple(_document(suite, one) for suite, one in named),
    )


def asks_for_checks(suite: Suite) -> bool:
    """Whether a suite names anything that its samples are to be held against."""
    return bool(suite.training_data or suite.checks or suite.hygiene.max_age_days is not None)


def _document(suite: Suite, found: Checked) -> Mapping[str, Any]:
    return {
        "suite": suite.name,
        "samples": len(suite.samples),
        "judged": len(found.suite.samples),
        "contamination": dict(found.contamination) or UNCHECKED,
        "freshness": dict(found.freshness),
        "checks": [dict(one) for one in found.checks],
    }


def _left(answers: Answers, found: Checked | None) -> Answers:
    return answers if found is None else structs.replace(answers, suite=found.suite)
