"""`checks.semantic` of suite.yaml: what it becomes, and every mistake at its place."""

import pytest

from evalkit.errors import UsageError
from evalkit.suites.load import load_suite

URL = "http://127.0.0.1:9/v1"
EMBEDDINGS = {"base_url": URL, "model": "e"}
JUDGE = {"backend": "openai_compatible", "base_url": URL, "model": "j"}


@pytest.fixture
def loaded(bench):
    def load(**semantic):
        path = bench.write_suite(URL, checks={"semantic": semantic})
        return load_suite(path)

    return load


def test_what_is_not_said_has_its_default(loaded):
    asked = loaded(embeddings=EMBEDDINGS).hygiene.semantic
    assert (asked.neighbours, asked.percentile, asked.characters, asked.judge) == (5, 99.0, 2000, None)
    assert (asked.embeddings.backend, asked.embeddings.model) == ("openai_compatible", "e")


def test_the_judge_does_not_inherit_the_suites_prompt_or_decoding(loaded):
    judge = loaded(embeddings=EMBEDDINGS, judge=JUDGE).hygiene.semantic.judge
    assert judge.prompt.template is None
    assert (judge.generation.max_tokens, judge.generation.temperature) == (900, 0.0)
    judge = loaded(embeddings=EMBEDDINGS, judge=JUDGE | {"generation": {"max_tokens": 50}}).hygiene.semantic.judge
    assert judge.generation.max_tokens == 50


def test_without_training_data_it_warns(loaded):
    assert any("checks.semantic looks" in told for told in loaded(embeddings=EMBEDDINGS).warnings)


@pytest.mark.parametrize(
    ("semantic", "told"),
    [
        ({}, "checks.semantic.embeddings"),
        ({"embeddings": {"model": "e"}}, "checks.semantic.embeddings.base_url is missing"),
        ({"embeddings": {"base_url": URL}}, "checks.semantic.embeddings.model is missing"),
        ({"embeddings": EMBEDDINGS | {"backend": "anthropic"}}, "gives no embeddings here"),
        ({"embeddings": EMBEDDINGS | {"prompt": "x"}}, "unknown key 'checks.semantic.embeddings.prompt'"),
        ({"embeddings": EMBEDDINGS | {"modle": "x"}}, "did you mean 'model'"),
        ({"embeddings": EMBEDDINGS | {"api_key": "sk-1"}}, "a suite holds no secrets"),
        ({"embeddings": EMBEDDINGS, "judge": JUDGE | {"system": "x"}}, "asked in evalkit's own words"),
        ({"embeddings": EMBEDDINGS, "judge": {"backend": "opnai"}}, "no backend 'opnai'"),
        ({"embeddings": EMBEDDINGS, "judge": {"backend": "outputs", "path": "a.jsonl"}}, "'outputs' cannot read pairs"),
        ({"embeddings": EMBEDDINGS, "percentile": 100.0}, "checks.semantic.percentile"),
        ({"embeddings": EMBEDDINGS, "neighbours": 0}, "checks.semantic.neighbours"),
        ({"embeddings": EMBEDDINGS, "neighbors": 3}, "did you mean 'neighbours'"),
    ],
)
def test_a_mistake_is_told_at_its_place(loaded, semantic, told):
    with pytest.raises(UsageError) as caught:
        loaded(**semantic)
    assert told in str(caught.value)
    assert "suite.yaml:" in str(caught.value)
