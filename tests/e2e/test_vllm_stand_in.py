"""A whole run on an engine that evalkit starts, against the stand-in for vLLM: what is served, shown and kept."""

import json

import pytest
import vllm_files

from evalkit.backends.vllm.engine import PYTHON
from evalkit.errors import ExecutionError
from evalkit.jobs.running.run import RunOptions, run
from evalkit.run.progress import Progress

SUITE = """
version: 1
name: stand-in
dataset: {path: samples.jsonl, id: id, prompt: "{{ q }}", target: a}
models:
  baseline: {backend: vllm, model: base}
  candidate: {backend: vllm, model: base, adapter: adapter}
metrics: [{name: says, type: exact_match}]
gate: {primary: {metric: says}}
"""


@pytest.fixture
def suite(tmp_path, monkeypatch):
    vllm_files.model(tmp_path / "base")
    vllm_files.adapter(tmp_path / "adapter")
    rows = [{"id": str(i), "q": f"word {i}", "a": f"base+candidate heard word {i}"} for i in range(40)]
    (tmp_path / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "suite.yaml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(PYTHON, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(vllm_files.FAKE))
    monkeypatch.setenv("FAKE_VLLM_PIDS", str(tmp_path / "pids"))
    return tmp_path / "suite.yaml"


def test_base_and_adapter_from_one_engine(suite, tmp_path):
    finished = run(RunOptions(suite_path=suite, command="evalkit run", out=tmp_path / "out"), Progress())
    verdict = finished.document
    assert verdict["verdict"] == "ship"
    assert (verdict["primary"]["baseline_points"], verdict["primary"]["candidate_points"]) == (0.0, 100.0)
    assert len((tmp_path / "pids").read_text().split()) == 1, "one engine for both sides"
    base, tuned = verdict["identity"]["baseline"], verdict["identity"]["candidate"]
    assert base["weights_sha256"] == tuned["weights_sha256"]
    assert tuned["adapter_sha256"] is not None
    assert tuned["served_model"] == "base+candidate"
    (counted,) = verdict["provenance"]["engines"].values()
    assert counted["generation_tokens"] >= 5 * 80


def test_an_engine_that_dies_leaves_a_run_to_resume(suite, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_VLLM", "die")
    options = RunOptions(suite_path=suite, command="evalkit run", out=tmp_path / "out")
    with pytest.raises(ExecutionError, match="CUDA out of memory") as caught:
        run(options, Progress())
    assert caught.value.exit_code == 5
    monkeypatch.delenv("FAKE_VLLM")
    resumed = RunOptions(suite_path=suite, command="evalkit run", out=tmp_path / "out", resume="latest")
    assert run(resumed, Progress()).document["verdict"] == "ship"
