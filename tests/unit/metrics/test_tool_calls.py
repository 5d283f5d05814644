import json

import pytest

from evalkit.errors import UsageError
from evalkit.metrics.registry import build
from evalkit.testing.contracts import MetricContract
from evalkit.types import MetricSpec, Sample, Unscored

ADD = {"name": "add", "arguments": {"a": 1, "b": 2}}
MAIL = {"name": "mail", "arguments": {"to": ["x@y.z"], "urgent": True}}


def wired(*calls):
    """As an OpenAI-style server gives them, arguments as JSON text."""
    each = [{"name": call["name"], "arguments": json.dumps(call["arguments"])} for call in calls]
    return [{"id": f"c{i}", "type": "function", "function": function} for i, function in enumerate(each)]


def make(held=(), field=None, **options):
    return build(MetricSpec(name="m", type="tool_call", field=field, options=options, line=3), held)


def sample(target, number="1"):
    return Sample(id=number, fields={}, target=target)


def value(answer, target, **options):
    answer = answer if isinstance(answer, str) else json.dumps(answer)
    return make(**options).score(answer, sample(target)).value


class TestToolCallKeepsTheContract(MetricContract):
    @pytest.fixture
    def metric(self):
        return make()

    @pytest.fixture(params=[ADD, None])
    def sample(self, request):
        return sample(request.param)


@pytest.mark.parametrize(
    "answer",
    [
        ADD,
        [ADD],
        wired(ADD),
        {"tool_calls": wired(ADD)},
        {"role": "assistant", "content": None, "tool_calls": wired(ADD)},
        {"name": "add", "parameters": {"b": 2.0, "a": 1.0}},
        {"function": ADD},
        f"<tool_call>\n{json.dumps(ADD)}\n</tool_call>",
        f"I add them.\n<tool_call>{json.dumps(ADD)}",
    ],
)
def test_one_call_has_many_spellings(answer):
    for target in (ADD, [ADD], wired(ADD), json.dumps(ADD)):
        assert value(answer, target) == 1.0


@pytest.mark.parametrize(
    "arguments", [{"a": "1", "b": 2}, {"a": 1}, {"a": 1, "b": 2, "c": None}, {"a": True, "b": 2}, [1, 2], "{", 3]
)
def test_other_arguments_are_another_call(arguments):
    assert value({"name": "add", "arguments": arguments}, ADD) == 0.0
    assert value({"name": "add", "arguments": arguments}, ADD, match="name") == 1.0


def test_calls_side_by_side_have_no_order_but_a_number():
    assert value(wired(MAIL, ADD), [ADD, MAIL]) == 1.0
    assert value(wired(ADD, ADD), [ADD]) == 0.0
    assert value(wired(ADD), [ADD, MAIL]) == 0.0
    assert value(wired(ADD), [ADD, MAIL], credit="partial") == pytest.approx(2 / 3)
    assert value(wired(ADD, ADD), [ADD], credit="partial") == pytest.approx(2 / 3)


def test_texts_in_arguments_go_through_the_normalisers():
    said, wanted = ({"name": "find", "arguments": {"q": [q]}} for q in (" Paris ", "paris"))
    assert value(said, wanted) == 0.0
    assert value(said, wanted, normalize=["strip", "casefold"]) == 1.0


@pytest.mark.parametrize("target", [None, [], "", " "])
def test_where_no_call_is_wanted_words_are_right(target):
    assert value("It is four.", target) == 1.0
    assert value('{"answer": 4}', target) == 1.0
    assert value(wired(ADD), target) == 0.0
    assert value('{"name": "add", "arg', target) == 0.0
    assert not make().score("", sample(target)).is_answered


@pytest.mark.parametrize("answer", ["It is four.", "", '{"name": "add", "argu', "<tool_call>{</tool_call>", '{"a": 1}'])
def test_a_call_that_is_not_there_is_wrong_and_not_answered(answer):
    found = make().score(answer, sample(ADD))
    assert (found.value, found.is_answered) == (0.0, False)


def test_the_evidence_says_what_is_amiss_and_which_tool_does_not_exist():
    found = make(tools=["add", "mail"]).score(json.dumps({"name": "sum", "arguments": {}}), sample(ADD))
    assert found.evidence == {
        "missing": ['add({"a":1,"b":2})'],
        "not_asked_for": ["sum({})"],
        "unknown_tools": ["sum"],
    }
    assert "unknown_tools" not in make(tools=["add"]).score(json.dumps(ADD), sample(None)).evidence


def test_targets_are_looked_at_before_anything_is_asked():
    with pytest.raises(UsageError, match="the target of sample '7' is no tool call") as caught:
        make([sample(ADD), sample({"city": "Paris"}, "7")])
    assert caught.value.diagnostics[0].line == 3
    with pytest.raises(UsageError, match="no sample has a target"):
        make([sample(None)])
    make([sample(None), sample(ADD)])
    assert make().score("x", sample(4)) == Unscored(metric="m", why="target_is_no_call")


def test_a_field_holds_the_calls():
    assert value({"calls": [ADD]}, {"calls": [ADD]}, field="calls") == 1.0
    assert value({"calls": []}, {"calls": [ADD]}, field="calls") == 0.0


def test_an_object_that_happens_to_have_a_name_is_no_call():
    assert value({"name": "Ann", "age": 3}, None) == 1.0
    assert value({"name": "now"}, {"name": "now", "arguments": {}}) == 1.0


ONE, OTHER = json.dumps(ADD), json.dumps(MAIL, indent=1)


@pytest.mark.parametrize(
    "answer",
    [
        f"{ONE}\n{OTHER}",
        f"{OTHER}{ONE}",
        f"{ONE}; {OTHER}",
        f"{ONE},\n{OTHER}",
        f"[{ONE}]\n[{OTHER}]",
        f"[{ONE}, {OTHER}]",
        f"<tool_call>\n{ONE}\n</tool_call>\n<tool_call>\n{OTHER}\n</tool_call>",
        f"Both of them.\n<tool_call>{ONE}\n{OTHER}</tool_call>",
        f"<tool_call>[{ONE}, {OTHER}]</tool_call>",
    ],
)
def test_calls_one_after_another_are_parallel_calls(answer):
    for target in ([ADD, MAIL], answer):
        assert value(answer, target) == 1.0
        assert value(answer, target, extract="fenced") == 1.0
    assert value(answer, [ADD]) == 0.0
    assert value(answer, [ADD, ADD], credit="partial") == 0.5


@pytest.mark.parametrize(
    ("answer", "strict", "fenced"),
    [
        (f"I call [both]: {ONE}\n{OTHER} Done.", 0.0, 1.0),
        (f"I call both: [ {ONE}, {OTHER} ] Done.", 0.0, 1.0),
        (f"```json\n{ONE}\n{OTHER}\n```", 0.0, 1.0),
        (f"```json\n{ONE}\n```\nand\n```json\n{OTHER}\n```", 0.0, 1.0),
        (f"```json\n[{ONE}, {OTHER}]\n```\nas in\n```\nadd(1, 2)\n```", 0.0, 1.0),
        (f"{ONE}\n{OTHER};", 0.0, 1.0),
        (f"{ONE}\n{OTHER}\n...", 0.0, 1.0),
        (f"{ONE};; {OTHER}", 0.0, 0.0),
        (f'{ONE}\n{OTHER}\n{{"name"', 0.0, 1.0),
        (f'{ONE}\n{{"note": 1}}\n{OTHER}', 0.0, 1.0),
    ],
)
def test_words_around_calls_are_passed_over_by_choice_only(answer, strict, fenced):
    assert value(answer, [MAIL, ADD]) == strict
    assert value(answer, [MAIL, ADD], extract="fenced") == fenced


@pytest.mark.parametrize(
    "answer",
    [
        f'{ONE}\n{{"result": 20}}',
        f'{ONE}; {{"note": "x"}}',
        f'{ONE} "done"',
        f'"I call it:" {ONE}',
        f"{ONE} true",
        f"true, {ONE}",
        f'[{ONE}, {{"result": 20}}]',
        f'{{"tool_calls": [{ONE}, "done"]}}',
    ],
)
def test_a_call_beside_other_json_was_made(answer):
    for target in (ADD, None):
        found = make().score(answer, sample(target))
        assert (found.value, found.evidence) == (0.0, {"unreadable": "other JSON beside a call"})
        assert value(answer, target, extract="fenced") == float(target is not None)


@pytest.mark.parametrize(
    "answer",
    [
        f"{ONE}\n2. Then I answer",
        f"{ONE}\n3 rows",
        f"{ONE}\n\n[1] source",
        f'```json\n{ONE}\n```\nresult:\n```json\n{{"t": 20}}\n```',
    ],
)
def test_words_behind_a_call_that_begin_as_json_does_are_words(answer):
    assert value(answer, ADD, extract="fenced") == 1.0
    assert value(answer, None, extract="fenced") == 0.0


def test_in_a_tag_a_call_beside_other_json_is_the_call():
    for answer in (f"<tool_call>[{ONE}, 3]</tool_call>", f"<tool_call>3</tool_call><tool_call>{ONE}</tool_call>"):
        assert [value(answer, target) for target in (ADD, None)] == [1.0, 0.0]


def test_a_field_that_holds_a_call_beside_other_json():
    answer = {"calls": [ADD, {"result": 20}]}
    assert [value(answer, target, field="calls") for target in ([ADD], None)] == [0.0, 0.0]
    assert value(answer, [ADD], field="calls", extract="fenced") == 1.0


@pytest.mark.parametrize("answer", [f"<|python_tag|>{ONE}", f" <|python_tag|>\n{ONE}\n"])
def test_llamas_mark_before_calls_is_passed_over(answer):
    assert value(answer, ADD) == value(answer, answer) == 1.0
    assert value(answer, None) == 0.0
    assert value(answer.replace(ONE, f"{ONE}; {OTHER}"), [MAIL, ADD]) == 1.0
    assert value(answer.replace(ONE, json.dumps({"calls": [ADD]})), [ADD], field="calls") == 1.0


def test_llamas_mark_before_what_is_no_json_is_a_broken_call():
    for field in (None, "calls"):
        found = make(field=field).score("<|python_tag|>add.call(a=1)", sample(None))
        assert (found.value, found.is_answered) == (0.0, False)


def test_a_broken_call_among_others_is_told_as_unreadable():
    score = make().score(f"{ONE}\n{{", sample([ADD, MAIL]))
    assert (score.value, score.is_answered) == (0.0, False)
    assert score.evidence["unreadable"].startswith("no JSON")


def test_a_target_in_words_is_no_call():
    assert make().score(ONE, sample("Add them.")) == Unscored(metric="m", why="target_is_no_call")
