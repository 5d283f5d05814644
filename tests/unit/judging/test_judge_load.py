"""A judge's file: every mistake at its place, and a hash that moves with whatever can move a grade."""

import json
import re
from pathlib import Path

import pytest
from judge_bench import PAIR, RUBRIC, model_at, spec_of, write_judge

from evalkit.errors import UsageError
from evalkit.judging.families import family_of, family_warnings
from evalkit.judging.load import bundled_folder, bundled_names, load_judge
from evalkit.judging.schema import json_schema
from evalkit.judging.seal import judge_hash, sealed
from evalkit.metrics.schemas import ready
from evalkit.types import ModelIdentity, ModelSpec

WITH_MODEL = {**RUBRIC, "model": model_at("http://127.0.0.1:1/v1")}
YAML = """\
schema: evalkit.judge/1
id: mine
inputs: [question, output]
criteria:
  - id: right
    question: Is it right?
    pass: yes
model: {backend: openai_compatible, base_url: http://127.0.0.1:1/v1, model: j}
"""


def refused(folder: Path, *edits: tuple[str, str]) -> str:
    text = YAML
    for old, new in edits:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = folder / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_judge(str(path))
    return str(caught.value).replace(f"{folder}/", "")


MISTAKES = [
    (("inputs:", "input:"), "mine.yaml:3:1: unknown key 'input' (did you mean 'inputs'?)"),
    (("evalkit.judge/1", "evalkit.judge/2"), "mine.yaml:1:9: schema: must be evalkit.judge/1"),
    (("schema: evalkit.judge/1\n", ""), "schema is missing"),
    (("pass: yes", "passes: yes"), "mine.yaml:7:5: unknown key 'criteria[0].passes' (did you mean 'pass'?)"),
    (("[question, output]", "[question]"), "mine.yaml:3:9: inputs: without `output` there is nothing to judge"),
    (("[question, output]", "[question, outptu]"), "(did you mean 'output'?)"),
    (("[question, output]", "[output, output]"), "inputs: one of them is named twice"),
    (("inputs:", "mode: reference\ninputs:"), "inputs: a judge of mode reference is shown"),
    (("inputs:", "mode: pairwise\ninputs:"), "criteria[0]: `pass` and `fail` say nothing where two"),
    (("inputs:", "hard_fail: [rigth]\ninputs:"), "mine.yaml:3:13: hard_fail[0]: there is no criterion 'rigth'"),
    (("inputs:", "votes: 2\ninputs:"), "mine.yaml:3:8: votes: must be odd"),
    (("pass: yes", "scale: {min: 1, max: 5}"), "anchors: say at least what 1 and 5 stand for; 1 is missing"),
    (("pass: yes", "scale: {min: 1, max: 50}"), "a scale has `min` and, 1 to 9 above it, `max`"),
    (("pass: yes", "scale: passfail"), "(did you mean 'pass_fail'?)"),
    (("pass: yes", "scale: preference"), "criteria[0].scale: scale preference is for judges of mode pairwise"),
    (("pass: yes", "anchors: {1: bad}"), "`anchors` go with a scale of marks"),
    (("pass: yes", "weight: 0"), "criteria[0].weight: must be more than 0"),
    (("model: j}", "modle: j}"), "unknown key 'model.modle' for backend 'openai_compatible' (did you mean 'model'?)"),
    (("model: j}", "model: j, system: be kind}"), "unknown key 'model.system'"),
    (("model: j}", "model: j, api_key: sk_1}"), "a suite holds no secrets"),
    (("openai_compatible", "opnai"), "there is no backend 'opnai' (did you mean 'openai'?)"),
    (("model: {", "model_: {"), "(did you mean 'model'?)"),
    (("id: mine\n", "id: mine\ncalibration: {labels: ../../secret}\n"), "calibration.labels: '../../secret' leads"),
    (("id: mine\n", "id: mine\npanel: [{backend: outputs, path: x.jsonl}]\n"), "panel: 2 models have no majority"),
    (("criteria:\n", "criteria:\n  - {id: right, question: Again?}\n"), "criteria[1].id: another criterion is"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "told"), MISTAKES, ids=[re.sub(r"\W+", "-", edit[1])[:40] for edit, _ in MISTAKES])
def test_a_mistake_is_told_at_its_place(tmp_path, edit, told):
    assert told in refused(tmp_path, edit)


def test_all_mistakes_come_at_once(tmp_path):
    told = refused(tmp_path, ("inputs:", "input:"), ("pass: yes", "passes: yes"))
    assert told.count("did you mean") == 2


def test_a_judge_without_a_model_says_how_to_name_one(tmp_path):
    told = refused(tmp_path, ("model: {backend: openai_compatible, base_url: http://127.0.0.1:1/v1, model: j}\n", ""))
    assert "model is missing: this judge does not say which model grades" in told


def test_an_unknown_bare_name_lists_the_judges_there_are():
    with pytest.raises(UsageError, match=r"there is no judge 'tnoe' \(did you mean 'tone'\?\); evalkit brings correct"):
        load_judge("tnoe")


@pytest.mark.parametrize("name", bundled_names())
def test_a_bundled_judge_loads_and_says_that_it_is_not_calibrated(name):
    judge = load_judge(name, overrides=['model={backend: openai_compatible, base_url: "http://h/v1", model: j}'])
    assert (judge.id, judge.is_bundled) == (name, True)
    text = judge.path.read_text()
    has_measure = (bundled_folder() / "calibration" / f"{name}.calibration.json").is_file()
    assert has_measure or "Not calibrated" in text
    assert judge.calibration is not None
    assert ready(json_schema()) is not None


def test_there_are_the_judges_that_were_promised():
    promised = {
        "support_reply",
        "correctness_vs_reference",
        "summary_faithfulness",
        "tone",
        "helpful_pairwise",
        "refusal",
    }
    assert promised <= set(bundled_names())


MOVES = [
    {"version": "2"},
    {"inputs": ["question", "output"]},
    {"system": "Be strict."},
    {"votes": 3},
    {"limits": {"output_chars": 10}},
    {"hard_fail": ["right"]},
    {"constrained": False},
    {"mode": "reference"},
    {"criteria": [{**RUBRIC["criteria"][0], "weight": 2.0}]},
    {"criteria": [{**RUBRIC["criteria"][0], "fail": "nope"}]},
    {"model": {**WITH_MODEL["model"], "model": "other"}},
    {"model": {**WITH_MODEL["model"], "temperature": 0.5}},
    {"model": {**WITH_MODEL["model"], "max_tokens": 10}},
    {"model": {**WITH_MODEL["model"], "seed": 8}},
    {"model": {**WITH_MODEL["model"], "extra_body": {"top_p": 0.5}}},
    {"panel": [WITH_MODEL["model"], WITH_MODEL["model"]]},
]
STAYS = [
    {"description": "words"},
    {"probes": {"retest_flip_max": 0.2}},
    {"calibration": {"min_items": 5}},
    {"forbid_families": []},
    {"model": {**WITH_MODEL["model"], "base_url": "http://other:1/v1"}},
    {"model": {**WITH_MODEL["model"], "price": {"input": 1.0, "output": 2.0}}},
    {"model": {**WITH_MODEL["model"], "api_key_env": "KEY"}},
]


@pytest.mark.parametrize("change", MOVES, ids=str)
def test_the_hash_moves_with_what_can_move_a_grade(tmp_path, change):
    assert (
        spec_of(tmp_path, WITH_MODEL).judge_hash
        != load_judge(str(write_judge(tmp_path, WITH_MODEL | change))).judge_hash
    )


@pytest.mark.parametrize("change", STAYS, ids=str)
def test_the_hash_stays_with_what_cannot(tmp_path, change):
    assert (
        spec_of(tmp_path, WITH_MODEL).judge_hash
        == load_judge(str(write_judge(tmp_path, WITH_MODEL | change))).judge_hash
    )


def test_the_hash_moves_with_the_wording(tmp_path, monkeypatch):
    spec = spec_of(tmp_path)
    monkeypatch.setattr("evalkit.judging.seal.WORDING", 2)
    assert judge_hash(spec) != spec.judge_hash


def test_the_hash_of_a_judge_stays_what_it_was():
    # Calibrations that people have made are bound to it: whoever changes these two does so on purpose, and raises the
    # judge's version or evalkit.judging.wording.WORDING.
    at = "model={backend: openai_compatible, base_url: 'http://127.0.0.1:9/v1', model: none}"
    known = {
        "refusal": "783afed81ca82fd8",
        "helpful_pairwise": "77ccd6a82a0d333e",
    }
    assert {name: load_judge(name, overrides=[at]).judge_hash[:16] for name in known} == known


def test_weights_that_prove_themselves_are_sealed_in(tmp_path):
    spec = spec_of(tmp_path)
    assert sealed(spec, {"judge": ModelIdentity()}).judge_hash == spec.judge_hash
    one, two = (sealed(spec, {"judge": ModelIdentity(weights_sha256=w)}).judge_hash for w in ("a", "b"))
    assert len({one, two, spec.judge_hash}) == 3
    assert sealed(spec, {"baseline": ModelIdentity(weights_sha256="a")}).judge_hash == spec.judge_hash


def test_recorded_replies_are_part_of_the_hash(tmp_path):
    recorded = {"model": {"backend": "outputs", "path": "replies.jsonl"}}
    (tmp_path / "replies.jsonl").write_text('{"id": "a", "output": "1"}\n')
    one = spec_of(tmp_path, RUBRIC, **recorded).judge_hash
    (tmp_path / "replies.jsonl").write_text('{"id": "a", "output": "2"}\n')
    assert spec_of(tmp_path, RUBRIC, **recorded).judge_hash != one


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("gpt-5-mini", "OpenAI"),
        ("o3", "OpenAI"),
        ("claude-sonnet-5", "Anthropic"),
        ("meta-llama/Llama-3.1-8B-Instruct", "Meta"),
        ("Qwen/Qwen2.5-7B", "Qwen"),
        ("google/gemma-2-9b-it", "Google"),
        ("smollm2-135m-instruct", "SmolLM"),
        ("mistralai/Mixtral-8x7B", "Mistral"),
        ("tuned", None),
        ("phil-the-judge", None),
        ("", None),
    ],
)
def test_a_family_is_told_by_a_name_or_not_at_all(name, family):
    assert family_of(name) == family


def test_a_judge_of_the_same_family_is_warned_about(tmp_path):
    spec = spec_of(tmp_path, model={**WITH_MODEL["model"], "model": "gpt-5"})
    candidate = ModelSpec(role="candidate", backend="openai", model="ft:gpt-4o-mini:acme::1")
    (told,) = family_warnings(spec, "tone", candidate)
    assert told.startswith("The judge of 'tone' (gpt-5) and the candidate (ft:gpt-4o-mini:acme::1) seem to be of one")
    assert not list(family_warnings(spec, "tone", ModelSpec(role="candidate", backend="local", model="tuned")))


def test_a_pairwise_judge_needs_no_scale(tmp_path):
    spec = spec_of(tmp_path, PAIR)
    assert spec.criteria[0].verdicts == ("first", "second", "tie")
    assert json.dumps(spec.model.generation.response_schema).count('"tie"') == 1
