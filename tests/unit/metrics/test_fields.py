import json

import pytest

from evalkit.metrics import fields
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


@pytest.mark.parametrize(
    "target",
    [
        [{"n": n} for n in range(3000)],
        [{"invoice": n, "lines": [{"n": n, "k": k} for k in range(5)]} for n in range(100)],
        {"pairs": [[n, n + 1] for n in range(600)]},
        list(range(3000)),
    ],
)
def test_many_items_that_are_right_are_right_in_any_order(target):
    turned = {key: items[::-1] for key, items in target.items()} if isinstance(target, dict) else target[::-1]
    assert value(turned, target, lists="any_order", measure="exact") == 1.0


def test_an_answer_of_far_too_many_records_is_scored():
    assert 0.0 < value([{"a": 1, "b": "x"}] * 1300, [{"a": n, "b": "y"} for n in range(300)], lists="any_order") < 0.01


def test_records_too_many_to_compare_stand_for_each_other_in_their_order(monkeypatch):
    target = [{"a": 1, "b": 2}, {"a": 3, "b": 4}, {"a": 5, "b": 6}]
    said = [target[2], {"a": 3, "b": 0}, {"a": 1, "b": 0}]
    assert value(said, target, lists="any_order") == pytest.approx(4 / 6)
    monkeypatch.setattr(fields, "MAX_COMPARED", 2 * 2 * (5 + 2) - 1)
    assert value(said, target, lists="any_order") == pytest.approx(2 / 6)
    # What is compared in one list is no longer there for the next.
    monkeypatch.setattr(fields, "MAX_COMPARED", 2 * 2 * (5 + 2))
    assert value({"x": said, "y": said}, {"x": target, "y": target}, lists="any_order") == pytest.approx(6 / 12)


def test_records_of_many_fields_cost_what_their_fields_do():
    wide = {n: frozenset(("k", str(k), n if k == 0 else 0) for k in range(200)) for n in range(200)}
    assert fields.Pairing()._nearest(wide, wide) == []
    narrow = {n: frozenset([("k", "v", 0)]) for n in range(200)}
    assert len(fields.Pairing()._nearest(narrow, narrow)) == 200 * 200


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
