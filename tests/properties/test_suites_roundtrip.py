"""Whatever text a dataset holds comes out of it unchanged: ids, fields, targets, prompts."""

import json
import tempfile
import unicodedata
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.suites.load import load_suite
from evalkit.suites.locking import lock
from evalkit.suites.prompts import Renderer
from evalkit.suites.samples import chosen, content_id

SUITE = """\
version: 1
name: any
dataset: {path: d.jsonl, id: id, prompt: "{{ text }}", target: target, slices: [slice]}
models:
  baseline: {backend: local, model: m}
  candidate: {backend: local, model: m}
metrics: [{name: exact, type: exact_match}]
gate: {primary: {metric: exact}}
"""
ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
IDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=40).filter(str.strip)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)
ROWS = st.lists(
    st.fixed_dictionaries({"id": IDS, "text": ANY_TEXT, "target": JSON, "slice": ANY_TEXT}),
    min_size=1,
    max_size=5,
    unique_by=lambda row: " ".join(unicodedata.normalize("NFC", row["id"]).split()),
).filter(lambda rows: any(row["target"] is not None for row in rows))  # nothing but nulls to compare with is refused


def load(rows, *, is_ascii, suite=SUITE):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "suite.yaml").write_text(suite)
        text = "\n".join(json.dumps(row, ensure_ascii=is_ascii) for row in rows)
        (folder / "d.jsonl").write_bytes(text.encode())
        lock(folder)
        return load_suite(folder)


@settings(max_examples=200, deadline=None)
@given(ROWS)
def test_rows_survive(rows):
    suite = load(rows, is_ascii=True)
    assert [sample.id for sample in suite.samples] == [row["id"] for row in rows]
    assert [dict(sample.fields) for sample in suite.samples] == rows
    assert [sample.target for sample in suite.samples] == [row["target"] for row in rows]
    assert [sample.slices["slice"] for sample in suite.samples] == [row["slice"] or "(none)" for row in rows]
    renderer = Renderer(suite.models["baseline"])
    assert [renderer.messages(sample)[0].content for sample in suite.samples] == [row["text"] for row in rows]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=40), min_size=1, max_size=5, unique=True))
def test_unescaped_text_survives_in_utf8(texts):
    rows = [{"id": f"i{i}", "text": text, "target": text, "slice": "s"} for i, text in enumerate(texts)]
    assert [sample.target for sample in load(rows, is_ascii=False).samples] == texts


@settings(max_examples=100, deadline=None)
@given(st.lists(JSON, min_size=1, max_size=5))
def test_ids_by_content_do_not_depend_on_key_order(values):
    row = {f"k{i}": value for i, value in enumerate(values)}
    assert content_id(row) == content_id(dict(reversed(row.items())))
    assert content_id(row) != content_id({**row, "more": 1})


@given(st.integers(0, 60), st.integers(1, 80), st.integers(1, 80), st.text(max_size=5))
def test_a_choice_is_a_part_in_order_and_nests(size, n, m, seed):
    items = list(range(size))
    few, many = chosen(items, min(n, m), seed), chosen(items, max(n, m), seed)
    assert len(few) == min(size, n, m)
    assert list(few) == sorted(few)
    assert set(few) <= set(many)
