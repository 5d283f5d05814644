import json

import pytest

from evalkit.metrics.registry import build
from evalkit.testing.contracts import MetricContract
from evalkit.types import MetricSpec, Sample, Unscored

TARGET = {"name": "Ann", "age": 3, "tags": ["a", "b"], "home": {"city": "Rome", "zip": None}}


def make(field=None, **options):
    return build(MetricSpec(name="m", type="fields", field=field, options=options), ())


def sample(target):
    return Sample(id="1", fields={}, target=target)


def value(answer, target=TARGET, **options):
    return make(**options).score(json.dumps(answer), sample(target)).value


class TestFieldsKeepTheContract(MetricContract):
    @pytest.fixture
    def metric(self):
        return make()

    @pytest.fixture
    def sample(self):
        return sample(TARGET)


def test_all_right_is_one_in_every_measure():
    for measure in ("f1", "precision", "recall", "exact"):
        assert value(TARGET | {"age": 3.0}, measure=measure) == 1.0
        assert value(TARGET, target=json.dumps(TARGET), measure=measure) == 1.0


def test_what_is_wrong_costs_both_and_what_is_missing_or_extra_one():
    assert value(TARGET | {"age": "3"}) == pytest.approx(5 / 6)
    fewer = {key: TARGET[key] for key in ("name", "age", "tags")}
    assert value(fewer, measure="precision") == 1.0
    assert value(fewer, measure="recall") == pytest.approx(4 / 6)
    assert value(fewer) == pytest.approx(2 * 4 / 10)
    assert value(TARGET | {"more": 1}, measure="recall") == 1.0
    assert value(TARGET | {"more": 1}, measure="precision") == pytest.approx(6 / 7)
    assert value(TARGET | {"more": 1}, measure="exact") == 0.0
    assert value({}) == value([]) == value(3) == 0.0


def test_lists_count_by_position_or_as_a_bag():
    turned = TARGET | {"tags": ["b", "a"]}
    assert value(turned) == pytest.approx(4 / 6)
    assert value(turned, lists="any_order") == 1.0
    assert value(TARGET | {"tags": ["a", "a"]}, lists="any_order") == pytest.approx(5 / 6)


ORDER = {"items": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}, {"sku": "c", "n": 3, "tags": ["x", "y"]}]}


def test_records_in_any_order_are_right_and_values_in_the_wrong_record_are_not():
    turned = {"items": [{"tags": ["y", "x"], "n": 3, "sku": "c"}, ORDER["items"][1], ORDER["items"][0]]}
    assert value(turned, ORDER, lists="any_order") == value(turned, ORDER, lists="any_order", measure="exact") == 1.0
    swapped = {"items": [{"sku": "b", "n": 1}, {"sku": "a", "n": 2}, ORDER["items"][2]]}
    assert value(swapped, ORDER, lists="any_order") == pytest.approx(6 / 8)
    assert value(swapped, ORDER, lists="any_order", measure="exact") == 0.0
    fewer = {"items": [ORDER["items"][2], {"sku": "b", "n": 9}]}
    assert value(fewer, ORDER, lists="any_order", measure="recall") == pytest.approx(5 / 8)
    assert value(fewer, ORDER, lists="any_order", measure="precision") == pytest.approx(5 / 6)


def test_lists_in_lists_stand_for_the_ones_they_share_most_with():
    target = {
        "rows": [
            {"cells": [{"k": "a", "v": 1}, {"k": "b", "v": 2}]},
            {"cells": [{"k": "a", "v": 2}, {"k": "b", "v": 1}]},
        ]
    }
    turned = {"rows": [{"cells": row["cells"][::-1]} for row in target["rows"][::-1]]}
    assert value(turned, target, lists="any_order", measure="exact") == 1.0
    assert value([[3, 4], [1, 2, 5]], [[1, 2], [3, 4]], lists="any_order") == pytest.approx(2 * 4 / 9)


def test_evidence_in_any_order_names_the_targets_places():
    said = {"items": [{"sku": "b", "n": 7}, *ORDER["items"][:1], *ORDER["items"][2:]]}
    found = make(lists="any_order").score(json.dumps(said), sample(ORDER))
    assert found.evidence == {
        "missing_or_wrong": ["$.items[1].n 2"],
        "wrong_or_not_asked_for": ["$.items[1].n 7"],
    }


def test_records_too_many_to_pair_are_unscored_and_plain_values_never():
    many = [{"n": n} for n in range(600)]
    assert make(lists="any_order").score(json.dumps(many), sample(many)) == Unscored(metric="m", why="too_long")
    assert value(many, many) == 1.0
    deep = json.loads("[" * 60 + ",".join("1" * 10_000) + "]" * 60)
    assert make(lists="any_order").score(json.dumps(deep), sample([[2]])) == Unscored(metric="m", why="too_long")
    plain = list(range(5000))
    assert value(plain[::-1], plain, lists="any_order") == 1.0


def test_a_key_with_a_dot_in_it_is_no_path():
    assert value({"a": {"b": 1}}, {"a.b": 1}) == value({"a[0]": 1}, {"a": [1]}) == 0.0
    assert value({"a.b": 1}, {"a.b": 1}) == 1.0


def test_null_is_a_value_and_empty_is_one_too():
    assert value({"a": None}, {"a": None}) == 1.0
    assert value({}, {"a": None}) == 0.0
    assert value({}, {}) == value([], []) == 1.0
    assert value([], {}) == 0.0


def test_texts_go_through_the_normalisers():
    assert value({"a": " X"}, {"a": "x"}) == 0.0
    assert value({"a": " X"}, {"a": "x"}, normalize=["strip", "casefold"]) == 1.0


def test_the_evidence_names_the_paths():
    found = make().score(json.dumps(TARGET | {"age": 4}), sample(TARGET))
    assert found.evidence == {"missing_or_wrong": ["$.age 3"], "wrong_or_not_asked_for": ["$.age 4"]}


def test_no_json_is_not_answered_and_no_target_no_evidence():
    for answer in ("", "words", "{"):
        found = make().score(answer, sample(TARGET))
        assert (found.value, found.is_answered) == (0.0, False)
    assert make().score("{}", sample(None)) == Unscored(metric="m", why="no_target")
    for target in ("words", 3, True):
        assert make().score("{}", sample(target)) == Unscored(metric="m", why="target_is_no_json")
    assert make(field="a").score('{"a": {"b": 1}}', sample({"a": {"b": 1}})).value == 1.0
