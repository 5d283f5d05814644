"""A run resumes only with the same questions to the same models; anything else is refused with a diff."""

import copy
import json

import pytest
from bench import Bench, scripted
from vendors import run_here

from evalkit.errors import BudgetReached, UsageError

DATASET = {
    "path": "samples.jsonl",
    "id": "id",
    "system": "system.md",
    "prompt": "{{ text }}",
    "target": "label",
    "slices": ["part"],
    "fewshot": {"path": "shots.jsonl", "k": 1, "seed": 1},
}
METRICS = [
    {"name": "exact", "type": "exact_match", "normalize": ["strip"]},
    {"name": "schema", "type": "json_schema", "schema": "schema.json"},
    {"name": "f1", "type": "f1", "average": "macro", "labels": ["red", "green", "blue", "a", "b"]},
]
GATE = {
    "primary": {"metric": "exact", "min_delta": 5.0},
    "slices": {"min_n": 20},
    "guards": [{"metric": "f1", "margin": 50.0}],
}
FILES = {
    "system.md": "Name the colour.",
    "schema.json": '{"type": "string"}',
    "shots.jsonl": '{"id": "x", "text": "a rose", "label": "red", "part": "a"}\n',
}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run of a rich suite, stopped by its cap half-way: (suite, its document, server)."""
    bench = Bench(tmp_path_factory.mktemp("stopped"))
    with scripted(20, 50) as server, pytest.MonkeyPatch.context() as patch:
        patch.chdir(bench.folder)
        (bench.folder / "suite").mkdir()
        for name, text in FILES.items():
            (bench.folder / "suite" / name).write_text(text)
        suite = bench.write_suite(
            server.base_url, 60, dataset=DATASET, metrics=METRICS, gate=GATE, run={"concurrency": 4}
        )
        with pytest.raises(BudgetReached) as caught:
            run_here(suite, max_requests=60, use_cache=False)
        assert "--resume" in "".join(caught.value.__notes__)
        (journal,) = bench.folder.glob(".evalkit/runs/*/journal.sqlite")
        (bench.folder / "run").write_text(journal.parent.name)
        yield suite, json.loads(suite.read_text()), server


@pytest.fixture
def interrupted(stopped):
    """(suite, server), and afterwards the suite as it was."""
    suite, document, server = stopped
    kept = {name: (suite.parent / name).read_bytes() for name in (*FILES, "samples.jsonl")}
    yield suite, server
    suite.write_text(json.dumps(document, indent=1))
    for name, data in kept.items():
        (suite.parent / name).write_bytes(data)


def refused(suite, server, *, word):
    """Whether the run cannot be resumed, in words that name what changed, and nobody is asked anything."""
    before = len(server.ledger.chats)
    with pytest.raises(UsageError) as caught:
        run_here(suite, resume=suite.parent.with_name("run").read_text(), use_cache=False)
    assert caught.value.exit_code == 2
    assert "cannot be resumed: what it was asked has changed" in str(caught.value)
    assert word in str(caught.value), str(caught.value)
    assert len(server.ledger.chats) == before


def edit(suite, **places):
    document = json.loads(suite.read_text())
    for place, value in places.items():
        spot = document
        *path, last = place.split("__")
        for key in path:
            spot = spot[int(key)] if key.isdigit() else spot.setdefault(key, {})
        spot[int(last) if last.isdigit() else last] = copy.deepcopy(value)
    suite.write_text(json.dumps(document))


CHANGES = {
    "name": "colors",
    "dataset__id": "text",
    "dataset__prompt": "colour of {{ text }}",
    "dataset__system": "Say a colour.",
    "dataset__target": "part",
    "dataset__slices": [],
    "dataset__cluster": "part",
    "dataset__fewshot": None,
    "dataset__fewshot__seed": 2,
    "models__baseline__model": "tuned",
    "models__candidate__model": "base",
    "models__baseline__prompt": "{{ text }}!",
    "models__candidate__prompt": "{{ text }}?",
    "models__baseline__system": "Short.",
    "models__candidate__system": None,
    "models__candidate__fewshot": None,
    "models__candidate__generation": {"max_tokens": 17},
    "models__baseline__generation": {"temperature": 0.1},
    "models__candidate__extra_body": {"top_p": 0.9},
    "models__candidate__max_tokens_field": "max_completion_tokens",
    "models__candidate__stream": True,
    "generation__temperature": 0.5,
    "generation__max_tokens": 32,
    "generation__seed": 8,
    "generation__repeats": 2,
    "generation__response_schema": "schema.json",
    "metrics__1__name": "form",
    "metrics__0__normalize": ["casefold"],
    "metrics__0__type": "accuracy",
    "metrics__0__extract": "fenced",
    "metrics__0__field": "label",
    "metrics__1__schema": "other.json",
    "metrics__1__extract": "fenced",
    "metrics__2__average": "micro",
    "metrics__2__labels": ["red", "green", "blue", "grey"],
    "gate__primary__metric": "schema",
    "gate__primary__min_delta": 6.0,
    "gate__primary__evidence": "none",
    "gate__primary__unresolved": "inconclusive",
    "gate__intent": "regression",
    "gate__noninferiority_margin": 3.0,
    "gate__alpha": 0.1,
    "gate__slices__min_n": 10,
    "gate__slices__max_drop": 20.0,
    "gate__slices__weights": {"part=a": 0.7, "part=b": 0.3},
    "gate__guards": [],
    "gate__guards__0__metric": "schema",
    "gate__guards__0__margin": 40.0,
    "gate__guards__0__mode": "no_confirmed_regression",
    "gate__guards__0__on_unresolved": "inconclusive",
    "gate__validity__max_error_rate": 0.1,
    "gate__validity__min_pair_coverage": 0.9,
    "gate__validity__min_n": 20,
    "gate__validity__min_clusters": 5,
    "gate__validity__max_truncated": 0.1,
    "gate__reuse": "sealed",
    "truncated": "wrong",
    "checks__group_keys": ["part"],
}


@pytest.mark.parametrize("place", CHANGES)
def test_a_changed_field_is_refused_with_its_name(interrupted, place):
    suite, server = interrupted
    (suite.parent / "other.json").write_text('{"type": "object"}')
    edit(suite, **{place: CHANGES[place]})
    refused(suite, server, word=[part for part in place.split("__") if not part.isdigit()][-1])


def test_sixty_fields_and_files_are_tried():
    assert len(CHANGES) + len(FILES) + 1 >= 60


@pytest.mark.parametrize("name", ["samples.jsonl", *FILES])
def test_a_changed_file_is_refused_with_its_name(interrupted, name):
    suite, server = interrupted
    file = suite.parent / name
    other = {"samples.jsonl": file.read_text().replace("item 7", "item 8 "), "schema.json": '{"type":  "string"}'}
    file.write_text(other.get(name, file.read_text().replace("colour", "color").replace("rose", "pink")))
    refused(suite, server, word=name)


def test_what_cannot_move_a_score_may_change(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    with scripted(20, 50) as server:
        suite = bench.write_suite(server.base_url, 60, run={"concurrency": 4})
        with pytest.raises(BudgetReached):
            run_here(suite, max_requests=60, use_cache=False)
        price = {"input": 1.0, "output": 2.0}
        edit(suite, description="other words", run={"concurrency": 8, "timeout_s": 60}, models__candidate__price=price)
        before = len(server.ledger.chats)
        resumed, _ = run_here(suite, resume="latest", use_cache=False)
    # Nothing that was answered is asked again, but for the few that were in flight at the cap.
    asked = [entry.body_sha256 for entry in server.ledger.chats]
    assert before == 60
    assert len(asked) - len(set(asked)) <= 4
    assert (resumed["verdict"], resumed["outcomes"]["candidate"]["ok"]) == ("ship", 60)


def test_resume_is_refused_on_the_command_line_too(bench):
    """With exit code 2: where nothing is unfinished, and where a field was changed."""
    with scripted(20, 50) as server:
        suite = bench.write_suite(server.base_url, 60, run={"concurrency": 4})
        nothing = bench.run(suite, "--resume")
        stopped = bench.run(suite, "--no-cache", "--max-requests", "60")
        edit(suite, generation__seed=8)
        changed = bench.run(suite, "--no-cache", "--resume")
    assert (nothing.code, stopped.code, changed.code) == (2, 5, 2)
    assert "no unfinished run" in nothing.err
    assert stopped.document["reasons"][0]["code"] == "BUDGET"
    assert "--resume" in stopped.err
    assert "generation.seed: was absent, is 8" in changed.err
