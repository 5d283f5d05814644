"""How the bounds the gate judges by are told: in words, for brackets are the two-sided 95 % interval."""

import json

import pytest

from evalkit.cli.app import execute

LABELS = ("red", "green", "blue")


@pytest.fixture
def verdict(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    monkeypatch.setenv("EVALKIT_HOME", str(bench.folder / ".evalkit"))

    def judged(n, right):
        """verdict.json where the candidate is right on the first so many of n samples, the baseline on half of them."""
        models = {side: {"backend": "outputs", "path": f"{side}.jsonl"} for side in ("baseline", "candidate")}
        path = bench.write_suite(
            "http://127.0.0.1:9/v1",
            n=n,
            models=models,
            dataset={
                "path": "samples.jsonl",
                "id": "id",
                "prompt": "{{ text }}",
                "target": "label",
                "slices": ["part"],
            },
            metrics=[{"name": "exact", "type": "exact_match"}, {"name": "again", "type": "exact_match"}],
            gate={"primary": {"metric": "exact", "min_delta": 5.0}, "guards": [{"metric": "again", "margin": 1.0}]},
        )
        for side, limit in (("baseline", n // 2), ("candidate", right)):
            rows = [{"id": f"s{i:04d}", "output": LABELS[(i + (i >= limit)) % 3]} for i in range(n)]
            (path.parent / f"{side}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        execute(["run", str(path), "--quiet"])
        return json.loads((bench.folder / "reports" / "colours" / "latest" / "verdict.json").read_text())

    return judged


def told(document):
    rows = [*document["asked"], *document["guards"]]
    return [document["headline"], *(row["got"] for row in rows), *(reason["detail"] for reason in document["reasons"])]


@pytest.mark.parametrize(("right", "word"), [(110, "ship"), (20, "dont_ship"), (63, "dont_ship")])
def test_brackets_are_left_to_the_95_percent_interval(verdict, right, word):
    document = verdict(120, right)
    assert document["verdict"] == word
    assert any("at worst" in sentence for sentence in told(document))
    assert not [sentence for sentence in told(document) if "[" in sentence]
    found = document["primary"]
    low, high = (f"{found[key]:+.1f}".replace("-", "−") for key in ("lower_points", "upper_points"))
    assert f"(at worst {low}, at best {high})" in document["asked"][0]["got"]


def test_invalid_evidence_is_not_called_too_little(verdict):
    document = verdict(12, 12)
    assert document["verdict"] == "invalid"
    row = document["asked"][0]
    assert row["state"] == "warning"
    assert row["got"].endswith("but this evidence supports no verdict")
