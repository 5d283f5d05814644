"""The labelled answers that come with judges: whole, both kinds alike, and said to be what they are."""

import json
from collections import Counter

import pytest

from evalkit.judging.labels import read_items, read_labels
from evalkit.judging.load import bundled_folder, bundled_names, load_judge

MODEL = "model={backend: openai_compatible, base_url: 'http://127.0.0.1:9/v1', model: none}"
FOLDER = bundled_folder() / "calibration"
LABELLED = [name for name in bundled_names() if (FOLDER / f"{name}.labels.jsonl").is_file()]


def test_three_judges_come_with_labels_and_the_card_names_each():
    assert LABELLED == ["correctness_vs_reference", "refusal", "summary_faithfulness"]
    card = (FOLDER / "CARD.md").read_text()
    for name in bundled_names():
        assert f"`{name}`" in card


@pytest.mark.parametrize("name", LABELLED)
def test_a_set_has_as_many_good_answers_as_bad_ones_each_labelled_on_every_criterion(name):
    spec = load_judge(name, overrides=[MODEL])
    items = {one.answer: one.item for one in read_items(FOLDER / f"{name}.items.jsonl", spec)}
    labels = read_labels(FOLDER / f"{name}.labels.jsonl", spec)
    assert Counter((one.answer, one.criterion) for one in labels) == Counter(
        (answer, criterion.id) for answer in items for criterion in spec.criteria
    )
    passed = Counter(one.verdict for one in labels if one.verdict in {"pass", "fail"})
    assert passed["pass"] == passed["fail"] >= 50  # a gate asks for 100 labelled answers, 30 of each
    assert {one.rater_id for one in labels} == {"author"}
    texts = [(json.dumps(dict(one.inputs)), one.output) for one in items.values()]
    assert len(set(texts)) == len(texts)
    card = (FOLDER / "CARD.md").read_text()
    assert f"| `{name}` | {len(items)} | {passed['pass']} | {passed['fail']} |" in card


def test_every_bundled_judge_says_that_it_is_not_calibrated():
    for name in bundled_names():
        assert "ot calibrated" in (bundled_folder() / f"{name}.yaml").read_text().split("schema:")[0], name
