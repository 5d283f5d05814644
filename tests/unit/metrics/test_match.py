import pytest

from evalkit.metrics.registry import build
from evalkit.types import MetricSpec, Sample, Scored, Unscored


def make(metric_type="exact_match", field=None, **options):
    return build(MetricSpec(name="m", type=metric_type, field=field, options=options), ())


def sample(target):
    return Sample(id="1", fields={}, target=target)


def value(metric, answer, target):
    return metric.score(answer, sample(target)).value


@pytest.mark.parametrize(
    ("answer", "target", "expected"),
    [
        ("Paris", "Paris", 1),
        (" Paris\n", "Paris", 1),
        ("paris", "Paris", 0),
        ("b", ["a", "b"], 1),
        ("c", ["a", "b"], 0),
        ("3.0", 3, 1),
        ("three", 3, 0),
        ("true", True, 1),
        ("1", True, 0),
        ('{"b": 1, "a": [1.0, {"c": null}]}', {"a": [1, {"c": None}], "b": 1}, 1),
        ('{"a": 1}', {"a": 1, "b": 2}, 0),
        ("[2, 1]", [1, 2], 0),
        ('[{"a": 1}]', [{"a": 1}], 1),
        ("[]", [], 1),
        ("\ud800", "\ud800", 1),
    ],
)
def test_what_counts_as_the_same(answer, target, expected):
    assert value(make(), answer, target) == expected


def test_normalisers_work_on_both_sides_and_inside_values():
    metric = make(normalize=["nfkc", "casefold", "strip"])
    assert value(metric, "ＰＡＲＩＳ ", "paris") == 1.0
    assert value(metric, '{"city": " PARIS"}', {"city": "Paris"}) == 1.0
    assert value(metric, '{"City": "Paris"}', {"city": "Paris"}) == 0.0


def test_a_field_is_compared_inside_the_parsed_answer():
    metric = make(field="a.b")
    assert value(metric, '{"a": {"b": "x"}}', {"a": {"b": "x"}}) == 1.0
    assert value(metric, '{"a": {"b": "x"}}', "x") == 1.0
    assert value(metric, '{"a": {"b": "y"}}', ["x", "y"]) == 1.0
    assert value(metric, '{"a": {"b": ["x", "y"]}}', ["x", "y"]) == 1.0
    assert value(metric, '{"a": {"b": ["x"]}}', ["x", "y"]) == 0.0
    assert value(metric, "x", "x") == 0.0
    found = metric.score('{"a": {"b": "y"}}', sample("x"))
    assert found.evidence == {"gold": "x", "predicted": "y"}


@pytest.mark.parametrize("metric_type", ["exact_match", "accuracy"])
@pytest.mark.parametrize(("answer", "target"), [("", "x"), (" \n", ["x"]), ("not json", {"a": 1}), ("{", 3)])
def test_empty_and_unparseable_answers_are_wrong_and_not_answered(metric_type, answer, target):
    found = make(metric_type).score(answer, sample(target))
    assert isinstance(found, Scored)
    assert found.value == 0.0
    assert not found.is_answered
    assert found.evidence["unreadable"]


def test_a_field_that_is_missing_is_not_answered_and_one_that_is_null_is():
    metric = make(field="a")
    assert not metric.score('{"b": 1}', sample("x")).is_answered
    assert metric.score('{"a": null}', sample("x")).is_answered


def test_saying_nothing_is_right_where_nothing_is_asked_for():
    for metric in (make(), make("accuracy")):
        found = metric.score(" ", sample(""))
        assert (found.value, found.is_answered) == (1.0, True)
        assert "unreadable" not in found.evidence


@pytest.mark.parametrize("metric", [make(), make("accuracy"), make(field="a"), make("token_f1")])
def test_no_target_is_no_evidence(metric):
    assert metric.score("x", sample(None)) == Unscored(metric="m", why="no_target")
    assert make(field="a").score("x", sample({"b": 1})) == Unscored(metric="m", why="no_target")


def test_accuracy_tells_gold_and_predicted():
    metric = make("accuracy", normalize=["casefold", "strip"])
    assert metric.score("Spam", sample("spam")).evidence == {"gold": "spam", "predicted": "spam"}
    assert metric.score("ham", sample(["spam", "junk"])).evidence == {"gold": "spam", "predicted": "ham"}
    assert metric.score("Junk", sample(["spam", "junk"])).evidence == {"gold": "junk", "predicted": "junk"}
    unread = make("accuracy", field="label").score("spam", sample("spam"))
    assert unread.evidence["predicted"] is None
    assert unread.evidence["gold"] == "spam"


def test_accuracy_is_the_same_comparison():
    for answer, target in [("3.0", 3), ('{"a": 1}', {"a": 1.0}), ("x", ["y", "x"]), ("1", True)]:
        assert value(make("accuracy"), answer, target) == value(make(), answer, target)


def test_long_answers_are_clipped_in_the_evidence():
    found = make("accuracy").score("x" * 10_000, sample("y"))
    assert len(found.evidence["predicted"]) == 200
    assert found.evidence["predicted"].endswith("…")


def test_extract_finds_json_in_a_fence_only_when_asked():
    answer = 'Here:\n```json\n{"a": "x"}\n```'
    assert value(make(field="a"), answer, "x") == 0.0
    assert value(make(field="a", extract="fenced"), answer, "x") == 1.0
