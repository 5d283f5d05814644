"""A run resumes only with the same questions to the same models; anything else is refused with a diff."""

import json

import pytest
from bench import scripted

CAP = ("--no-cache", "--max-requests", "60")


@pytest.fixture
def interrupted(bench):
    """A run of a rich suite, stopped by its cap half-way."""
    with scripted(20, 50) as server:
        (bench.folder / "suite").mkdir()
        (bench.folder / "suite" / "system.md").write_text("Name the colour.")
        (bench.folder / "suite" / "schema.json").write_text('{"type": "string"}')
        suite = bench.write_suite(
            server.base_url,
            60,
            dataset={
                "path": "samples.jsonl",
                "id": "id",
                "system": "system.md",
                "prompt": "{{ text }}",
                "target": "label",
                "slices": ["part"],
            },
            metrics=[
                {"name": "exact", "type": "exact_match", "normalize": ["strip"]},
                {"name": "schema", "type": "json_schema", "schema": "schema.json"},
            ],
            gate={"primary": {"metric": "exact", "min_delta": 5.0}, "slices": {"min_n": 20}},
            run={"concurrency": 4},
        )
        stopped = bench.run(suite, *CAP)
        assert stopped.code == 5, stopped.err
        assert stopped.document["reasons"][0]["code"] == "BUDGET"
        assert "--resume" in stopped.err
        yield bench, suite, server


def edit(suite, **places):
    document = json.loads(suite.read_text())
    for place, value in places.items():
        spot = document
        *path, last = place.split("__")
        for key in path:
            spot = spot[int(key) if key.isdigit() else key]
        spot[last] = value
    suite.write_text(json.dumps(document))


CHANGES = {
    "dataset__prompt": "colour of {{ text }}",
    "dataset__system": "Say a colour.",
    "dataset__target": "text",
    "dataset__slices": [],
    "dataset__cluster": "part",
    "models__baseline__model": "tuned",
    "models__candidate__system": None,
    "models__candidate__generation": {"max_tokens": 17},
    "generation__temperature": 0.5,
    "generation__max_tokens": 32,
    "generation__seed": 8,
    "generation__repeats": 2,
    "metrics__0__normalize": ["casefold"],
    "metrics__0__type": "accuracy",
    "gate__primary__min_delta": 6.0,
    "gate__primary__evidence": "none",
    "gate__alpha": 0.1,
    "gate__slices__min_n": 10,
    "truncated": "wrong",
}


@pytest.mark.parametrize("place", CHANGES)
def test_a_changed_field_is_refused_with_its_name(interrupted, place):
    bench, suite, server = interrupted
    before = len(server.ledger.chats)
    edit(suite, **{place: CHANGES[place]})
    refused = bench.run(suite, "--no-cache", "--resume")
    assert refused.code == 2, refused.err
    assert place.replace("__", ".").split(".")[-1] in refused.err
    assert len(server.ledger.chats) == before


@pytest.mark.parametrize("name", ["samples.jsonl", "system.md", "schema.json"])
def test_a_changed_file_is_refused_with_its_name(interrupted, name):
    bench, suite, server = interrupted
    file = suite.parent / name
    file.write_text(file.read_text().replace("item 7", "item 8 ") if name == "samples.jsonl" else '{"type":  "string"}')
    before = len(server.ledger.chats)
    refused = bench.run(suite, "--no-cache", "--resume")
    assert refused.code == 2, refused.err
    assert name in refused.err
    assert len(server.ledger.chats) == before


def test_what_cannot_move_a_score_may_change(interrupted):
    bench, suite, server = interrupted
    edit(suite, description="other words", run={"concurrency": 8, "timeout_s": 60})
    before = len(server.ledger.chats)
    resumed = bench.run(suite, "--no-cache", "--resume")
    assert resumed.code == 0, resumed.err
    # Nothing that was answered is asked again, but for the few that were in flight at the cap.
    asked = [entry.body_sha256 for entry in server.ledger.chats]
    assert before == 60
    assert len(asked) - len(set(asked)) <= 4
    assert resumed.document["outcomes"]["candidate"]["ok"] == 60


def test_resume_without_an_unfinished_run_says_so(bench):
    with scripted(20, 50) as server:
        refused = bench.run(bench.write_suite(server.base_url, 60), "--resume")
    assert refused.code == 2
    assert "no unfinished run" in refused.err
