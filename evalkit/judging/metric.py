"""A judge as a metric: its grades are looked up, by the answer itself, once the judge was asked."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field, structs

from evalkit.judging.grade import Grade
from evalkit.judging.items import Showing, item_id
from evalkit.judging.spec import JudgeSpec
from evalkit.types import Sample, Score, Scored, Unscored

NOT_JUDGED = "not_judged"
TOO_LONG = "too_long_to_judge"
NOTHING_TO_JUDGE = "the answer is empty, so the judge was not asked"


class JudgeMetric(Struct, frozen=True, kw_only=True):
    """Scores an answer by the grade its judge gave it; unscored where there is none."""

    name: str
    showing: Showing
    grades: Mapping[str, Grade] = field(default_factory=dict)
    """By `item_id` of the sample and the answer."""

    @property
    def spec(self) -> JudgeSpec:
        """The judge."""
        return self.showing.spec

    def with_grades(self, grades: Mapping[str, Grade]) -> JudgeMetric:
        """The same metric once its judge was asked."""
        return structs.replace(self, grades=grades)

    def score(self, answer: str, sample: Sample) -> Score:
        """The grade as a score. An empty answer is worth nothing, except in a pair, where it may beat another one."""
        found = self.grades.get(item_id(sample.id, answer))
        if found is None and is_empty(answer) and self.spec.mode != "pairwise":
            evidence = {"judge": NOTHING_TO_JUDGE}
            return Scored(metric=self.name, value=0.0, is_answered=False, evidence=evidence)
        if found is None:
            return Unscored(metric=self.name, why=TOO_LONG if is_too_long(answer, self.spec) else NOT_JUDGED)
        if found.value is None:
            return Unscored(metric=self.name, why=found.why)
        return Scored(metric=self.name, value=found.value, evidence=dict(found.evidence))


def is_empty(answer: str) -> bool:
    """Whether there is nothing in an answer that could be judged."""
    return not answer.strip()


def is_too_long(answer: str, spec: JudgeSpec) -> bool:
    """Whether the judge would see only part of an answer and its file says not to judge such a one."""
    return spec.limits.on_truncate == "unscored" and len(answer) > spec.limits.output_chars
