"""A macro average over a part of the samples counts the labels that the part has."""

import numpy as np

from evalkit.metrics.registry import build
from evalkit.types import MetricSpec, Sample

LABELS = ("a", "b", "c", "d")


def metric(average="macro"):
    samples = [Sample(id=label, fields={}, target=label) for label in LABELS]
    return build(MetricSpec(name="f1", type="f1", options={"average": average}), samples), samples


def totals(found, samples, answers):
    return np.sum([found.score(answer, sample).counts for answer, sample in zip(answers, samples, strict=True)], axis=0)


def test_all_right_is_full_marks_on_any_part():
    found, samples = metric()
    part = samples[:2]
    right = totals(found, part, ["a", "b"])
    assert found.statistic(right) == 0.5
    assert found.within(right).statistic(right) == 1.0


def test_a_wrong_label_of_another_part_costs_the_label_it_should_have_been():
    found, samples = metric()
    part = samples[:2]
    wrong = totals(found, part, ["a", "c"])
    assert found.within(totals(found, part, ["a", "b"])).statistic(wrong) == 0.5


def test_the_whole_and_other_averages_stay_as_they_are():
    found, samples = metric()
    assert found.within(totals(found, samples, LABELS)) is found
    micro, _ = metric("micro")
    assert micro.within(totals(micro, samples[:2], ["a", "b"])) is micro
