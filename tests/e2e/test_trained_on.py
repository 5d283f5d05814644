"""A run whose candidate was trained on some of its samples."""

import json

import pytest
from bench import scripted

from evalkit.report.terminal import summary

N = 90
TRAINED = range(60, 90)
"""The candidate is right on all of them and on no more than the baseline elsewhere."""


def question(i):
    return (
        f"lamp {i * 7919} of order {i * 31} has a scratch of {i * 17} millimetres on its left side and hums, item {i}"
    )


@pytest.fixture
def leaky(bench):
    def write(url, **checks):
        path = bench.write_suite(url, n=N, checks={"training_data": ["train.jsonl"]} | checks)
        rows = [json.loads(line) for line in (path.parent / "samples.jsonl").read_text().splitlines()]
        for i, row in enumerate(rows):
            row["text"] = question(i)
        (path.parent / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        words = [question(i).replace("scratch", "dent") for i in TRAINED]  # each a near-copy
        training = [{"prompt": text, "completion": "x"} for text in words]
        training += [{"prompt": f"what does tram {i} cost on day {i * 3}", "completion": "x"} for i in range(20)]
        (path.parent / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in training))
        return path

    return write


def test_the_verdict_rests_on_the_clean_samples_and_shows_what_the_others_would_have_made_of_it(bench, leaky):
    with scripted(60, 90) as server:
        done = bench.run(leaky(server.base_url))
    document = done.document
    assert document["verdict"] != "ship", done.err
    assert document["primary"]["n"] == 60
    found = document["contamination"]
    assert (found["dirty"], found["suspect"], found["action"]) == (30, 0, "clean")
    assert {part: found["parts"][part]["n"] for part in ("all", "clean", "dirty")} == {
        "all": 90,
        "clean": 60,
        "dirty": 30,
    }
    assert found["parts"]["clean"]["delta_points"] == 0.0
    assert found["effect_points"] == 100.0
    assert found["is_flagged"]
    row = next(row for row in document["asked"] if row["label"] == "samples that were trained on")
    assert (row["state"], row["got"]) == ("warning", "30 of 90 found in 50 training rows, and left out")
    assert any("what was trained on makes the difference" in warning for warning in document["warnings"])
    folder = bench.folder / "reports" / "colours" / "latest"
    page = (folder / "report.html").read_text()
    assert '<h2 id="data_health">Data health</h2>' in page
    assert "train.jsonl:1<" in page
    assert "Data health: 30 samples trained on" in (folder / "summary.md").read_text()
    assert "data health: 30 samples trained on" in summary(document, color=False, width=80)


def test_fail_refuses_and_an_unreadable_training_file_is_told_before_anything_is_asked(bench, leaky):
    with scripted(60, 90) as server:
        refused = bench.run(leaky(server.base_url, contamination={"action": "fail"}))
        assert refused.code == 4
        assert "CONTAMINATED" in {reason["code"] for reason in refused.document["reasons"]}
        assert refused.document["asked"][-1]["state"] == "regressed"
        path = leaky(server.base_url)
        asked = len(server.ledger.chats)
        (path.parent / "train.jsonl").write_text("{broken\n")
        bad = bench.run(path)
        assert bad.code == 2
        assert "train.jsonl:1:2: this is not JSON" in bad.err
        assert len(server.ledger.chats) == asked
