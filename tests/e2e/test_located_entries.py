"""What a model entry names and this machine cannot use is shown at its place in suite.yaml, before anything is sent."""

import json

import pytest

from evalkit.errors import ExecutionError
from evalkit.jobs.running.run import RunOptions
from evalkit.jobs.running.run import run as evalkit_run
from evalkit.run.progress import Progress

LOCAL = {"backend": "local", "model": "smollm2-135m-instruct"}


def told(bench, monkeypatch, candidate, overrides=()):
    """The error of a run whose candidate is this entry."""
    monkeypatch.chdir(bench.folder)
    path = bench.write_suite("http://127.0.0.1:1/v1")
    document = json.loads(path.read_text())
    document["models"]["candidate"] |= candidate
    path.write_text(json.dumps(document, indent=1))
    with pytest.raises(ExecutionError) as caught:
        evalkit_run(RunOptions(suite_path=path, command="evalkit run", overrides=overrides), Progress())
    return path, str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("api_key_env", "NOT_SET_ANYWHERE", "the environment variable NOT_SET_ANYWHERE is not set"),
        ("base_url", "http://example.org/v1", "plain http to another machine"),
    ],
)
def test_an_entry_that_cannot_be_used_is_shown_at_its_key(bench, monkeypatch, key, value, why):
    path, error = told(bench, monkeypatch, {key: value})
    place, source, caret = error.splitlines()[0], error.splitlines()[2], error.splitlines()[3]
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if value in text)
    assert place.startswith(f"{path}:{line}:")
    assert f"models.candidate.{key}: " in place
    assert why in place
    assert value in source
    assert "^" in caret


def test_an_override_is_shown_as_the_option_it_is(bench, monkeypatch):
    _, error = told(bench, monkeypatch, {}, ("models.candidate.api_key_env=NOT_SET_ANYWHERE",))
    assert "--set models.candidate.api_key_env=NOT_SET_ANYWHERE" in error


@pytest.mark.model
def test_a_local_name_that_is_nearly_right(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    path = bench.write_suite("http://127.0.0.1:1/v1")
    document = json.loads(path.read_text())
    document["models"] = {"baseline": LOCAL, "candidate": LOCAL | {"model": "smollm2-135m-instrct"}}
    path.write_text(json.dumps(document, indent=1))
    with pytest.raises(ExecutionError) as caught:
        evalkit_run(RunOptions(suite_path=path, command="evalkit run"), Progress())
    assert "models.candidate.model" in str(caught.value)
    assert "Did you mean 'smollm2-135m-instruct'?" in str(caught.value)


def test_a_file_that_is_no_gguf(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    path = bench.write_suite("http://127.0.0.1:1/v1")
    (path.parent / "page.gguf").write_text("<html>not found</html>")
    document = json.loads(path.read_text())
    document["models"]["candidate"] = {"backend": "local", "model": "page.gguf"}
    document["models"]["baseline"] = {"backend": "local", "model": "page.gguf", "system": "be brief"}
    path.write_text(json.dumps(document, indent=1))
    with pytest.raises(ExecutionError, match=r"page\.gguf is not a GGUF file \(it begins with '<htm', not 'GGUF'"):
        evalkit_run(RunOptions(suite_path=path, command="evalkit run"), Progress())
