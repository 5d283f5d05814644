"""What holds for any answer and any target."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalkit.metrics.normalize import NORMALISERS
from evalkit.metrics.read import Unreadable, is_same, read_json, shown
from evalkit.metrics.registry import build
from evalkit.types import MetricSpec, Sample, Scored, Unscored

relaxed = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)

# Every code point, lone surrogates included.
any_text = st.text(
    st.characters(codec=None, categories=None) | st.sampled_from('{}[]",:\\`\ud800\n 0eE+-.'), max_size=60
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | any_text
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(any_text, v, max_size=4), max_leaves=12
)

SCHEMA = {"type": "object", "properties": {"a": {"type": ["string", "null"], "maxLength": 3}}, "required": ["a"]}
HELD = tuple(Sample(id=str(i), fields={}, target=target) for i, target in enumerate(("a", "b", "c")))
METRICS = tuple(
    build(
        MetricSpec(name=f"{kind} {field} {extract}", type=kind, field=field, options={"extract": extract} | more), HELD
    )
    for kind, more in [
        ("exact_match", {"normalize": list(NORMALISERS)}),
        ("accuracy", {}),
        ("f1", {}),
        ("json_schema", {"schema": SCHEMA}),
        ("token_f1", {}),
        ("contains", {"match": "all"}),
        ("not_contains", {"normalize": "casefold"}),
        ("edit_similarity", {"unit": "words"}),
        ("fields", {"lists": "any_order"}),
        ("kappa", {}),
        ("length", {"min": 2, "max": 9}),
        ("numeric", {"take": "last", "percent": "share", "rel_tol": 0.1}),
        ("refusal", {"expect": "answer"}),
        ("regex", {"pattern": r"\w+$", "expect": "no_match"}),
        ("rouge", {"variant": "rougeLsum", "stemmer": True, "words": "unicode"}),
        ("sql", {}),
        ("bleu", {}),
        ("chrf", {"word_order": 2}),
    ]
    for field in (None, "a", "a.0.b")
    for extract in ("strict", "fenced")
)

TOOL_CALL = build(MetricSpec(name="tool_call", type="tool_call", options={"credit": "partial"}), ())


@relaxed
@given(answer=any_text | values.map(json.dumps), target=values)
def test_any_answer_to_any_target_gets_a_score_in_bounds(answer, target):
    for metric in (*METRICS, TOOL_CALL):
        found = metric.score(answer, Sample(id="1", fields={}, target=target))
        assert isinstance(found, (Scored, Unscored))
        assert found == metric.score(answer, Sample(id="1", fields={}, target=target))
        if isinstance(found, Scored):
            assert 0.0 <= found.value <= 1.0
            assert found.is_answered or found.value == 0.0
            json.dumps(found.evidence, allow_nan=False)


@relaxed
@given(target=values.filter(lambda v: v is not None))
def test_the_target_itself_is_a_perfect_answer(target):
    is_texts = isinstance(target, list) and target and all(isinstance(item, str) for item in target)
    answer = target if isinstance(target, str) else target[0] if is_texts else json.dumps(target)
    for kind in ("exact_match", "accuracy", "token_f1"):
        metric = build(MetricSpec(name="m", type=kind), ())
        if kind == "token_f1" and not isinstance(target, str):
            answer = target[0] if is_texts else shown(target)
        assert metric.score(answer, Sample(id="1", fields={}, target=target)).value == 1.0


@relaxed
@given(target=st.dictionaries(any_text, values, min_size=2, max_size=5), seed=st.randoms())
def test_the_order_of_keys_never_matters(target, seed):
    keys = list(target)
    seed.shuffle(keys)
    answer = json.dumps({key: target[key] for key in keys}, indent=seed.choice([None, 2]))
    metric = build(MetricSpec(name="m", type="exact_match"), ())
    assert metric.score(answer, Sample(id="1", fields={}, target=target)).value == 1.0


@relaxed
@given(value=values)
def test_json_comes_back_as_it_went(value):
    assert is_same(read_json(json.dumps(value)), value)
    wrapped = "Sure, here it is:\n```json\n" + json.dumps(value) + "\n```\nHope this helps {"
    if "```" not in json.dumps(value):
        assert is_same(read_json(wrapped, "fenced"), value)


@relaxed
@given(text=any_text)
def test_reading_is_total(text):
    for extract in ("strict", "fenced"):
        found = read_json(text, extract)
        assert isinstance(found, Unreadable) or is_same(found, json.loads(json.dumps(found)))


@relaxed
@given(a=values, b=values)
def test_equality_is_symmetric_and_finer_than_pythons(a, b):
    assert is_same(a, b) == is_same(b, a)
    assert is_same(a, a)
    assert not is_same(a, b) or a == b


@relaxed
@given(text=any_text)
def test_normalisers_are_total(text):
    for normaliser in NORMALISERS.values():
        assert isinstance(normaliser(text), str)
    assert NORMALISERS["squad"](NORMALISERS["squad"](text)) is not None


@relaxed
@given(answers=st.lists(st.sampled_from(["a", "b", "c", "d", "", "{}"]), min_size=3, max_size=3))
def test_counts_add_up(answers):
    metric = build(MetricSpec(name="m", type="f1"), HELD)
    for answer, held in zip(answers, HELD, strict=True):
        counts = metric.score(answer, held).counts
        hits, predicted, actual = counts[:3], counts[3:6], counts[6:]
        assert sum(actual) == 1
        assert sum(predicted) == (answer in "abc" and answer != "")
        assert sum(hits) == (answer == held.target)
