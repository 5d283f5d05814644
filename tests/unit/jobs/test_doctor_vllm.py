import json

import pytest
import vllm_files

from evalkit.backends.vllm.engine import PYTHON
from evalkit.jobs.doctor import doctor


@pytest.fixture
def suite(tmp_path, monkeypatch):
    vllm_files.model(tmp_path / "base")
    vllm_files.adapter(tmp_path / "adapter")
    (tmp_path / "samples.jsonl").write_text(json.dumps({"id": "1", "q": "a", "a": "a"}) + "\n")
    (tmp_path / "suite.yaml").write_text(
        "version: 1\nname: s\ndataset: {path: samples.jsonl, id: id, prompt: '{{ q }}', target: a}\n"
        "models:\n  baseline: {backend: vllm, model: base}\n"
        "  candidate: {backend: vllm, model: base, adapter: adapter}\n"
        "metrics: [{name: m, type: exact_match}]\ngate: {primary: {metric: m}}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(PYTHON, raising=False)
    return tmp_path / "suite.yaml"


def told(suite):
    return {check.what: check for check in doctor(suite)}


def test_it_says_what_vllm_would_run_on_and_that_the_adapter_fits(suite, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(vllm_files.FAKE))
    checks = told(suite)
    assert checks["vLLM"].told.startswith("vllm 9.9.0 on the CPU")
    assert checks["candidate"].state == "ok"
    assert "vLLM would serve base, adapter fits (rank 2" in checks["candidate"].told


def test_an_adapter_that_does_not_fit_is_missing(suite, monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(vllm_files.FAKE))
    (tmp_path / "adapter").rename(tmp_path / "old")
    vllm_files.adapter(tmp_path / "adapter", module="mlp.up_proj")
    checks = told(suite)
    assert checks["candidate"].state == "missing"
    assert "matches no module" in checks["candidate"].told


def test_without_vllm_the_side_that_needs_it_says_how_to_get_it(suite, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "")
    checks = told(suite)
    assert checks["vLLM"].state == "ok"
    assert "not installed" in checks["vLLM"].told
    assert checks["baseline"].state == "missing"
    assert "pip install vllm" in checks["baseline"].mend
