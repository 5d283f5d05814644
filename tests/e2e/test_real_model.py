"""The main job on the real model and the real adapter, a random part of it: seconds where the whole takes minutes."""

import json

import pytest
from bench import REPO

pytestmark = pytest.mark.model
SUITE = REPO / "suites" / "review-triage" / "suite.yaml"


def test_the_tuned_adapter_against_its_prompted_base(bench):
    finished = bench.run(SUITE, "--limit", "12")
    assert finished.code == 3, finished.err
    document = finished.document
    assert "LIMITED" in {reason["code"] for reason in document["reasons"]}
    assert document["primary"]["n"] == 12
    assert document["coverage"]["share"] == 1.0
    # The adapter is really applied: the engine says so, the probe saw it, and the digests differ.
    assert document["identity"]["probe"]["differing"] == 1
    assert document["identity"]["candidate"]["has_adapter_applied"] is True
    assert document["identity"]["baseline"]["adapter_sha256"] is None
    assert document["identity"]["baseline"]["weights_sha256"] == document["identity"]["candidate"]["weights_sha256"]
    # Constrained to the schema, every answer is JSON.
    schema = next(m for m in document["metrics"] if m["metric"] == "schema")
    assert schema["candidate_points"] == 100.0
    assert "constrained" in schema["note"]
    folder = bench.folder / "reports" / "review-triage" / "latest"
    left = {path.name for path in folder.iterdir()}
    assert left == {"report.html", "verdict.json", "summary.md", "junit.xml", "samples.jsonl", "manifest.json"}
    assert json.loads((folder / "verdict.json").read_text()) == document

    # The same once more comes from the cache, word for word, and times nothing.
    again = bench.run(SUITE, "--limit", "12").document
    assert again["primary"] == document["primary"]
    assert again["outcomes"]["candidate"]["cached"] == 12
    assert again["latency"]["candidate"]["p50_s"] is None
