"""`evalkit doctor`: each thing that is missing is named with what mends it, and no key is shown."""

import importlib.util
import json
import shutil
import socket
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from bench import scripted

from evalkit import plugins
from evalkit.errors import UsageError
from evalkit.jobs import doctor as examined
from evalkit.jobs.doctor import doctor

KEY = "sk-sentinel-0123456789"
DEAD = "http://127.0.0.1:9/v1"


@pytest.fixture
def here(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    monkeypatch.delenv("EVALKIT_HOME", raising=False)
    return bench


def entry(url, model="base", **more):
    return {"backend": "openai_compatible", "base_url": url, "model": model} | more


def examine(here, baseline, candidate):
    suite = here.write_suite(DEAD, 40, models={"baseline": baseline, "candidate": candidate})
    return {check.what: check for check in doctor(suite)}


def test_a_machine_without_a_suite_needs_nothing(here):
    checks = doctor()
    assert {check.what for check in checks} >= {"evalkit", "Python", "local engine", "disk", "journal", "plug-ins"}
    assert not [check for check in checks if check.state == "missing"]
    assert list(here.folder.iterdir()) == []


def test_endpoints(here):
    with scripted(1, 1) as server:
        found = examine(here, entry(server.base_url), entry(server.base_url, "tunned"))
        asked = [seen.path for seen in server.ledger.entries]
    assert found["baseline"].state == "ok"
    assert found["candidate"].state == "missing"
    assert "Did you mean 'tuned'?" in found["candidate"].told
    assert "suite.yaml:" in found["candidate"].mend
    assert asked == ["/v1/models", "/v1/models"]


def test_the_models_that_look_for_paraphrases(here, monkeypatch):
    monkeypatch.delenv("KEY_THAT_IS_NOT", raising=False)
    with scripted(1, 1) as server:
        judge = entry(server.base_url, api_key_env="KEY_THAT_IS_NOT")
        semantic = {"embeddings": {"base_url": server.base_url, "model": "bge"}, "judge": judge}
        suite = here.write_suite(server.base_url, 40, checks={"semantic": semantic})
        found = {check.what: check for check in doctor(suite)}
    assert (found["embeddings"].state, found["semantic judge"].state) == ("missing", "missing")
    assert "does not serve 'bge'" in found["embeddings"].told
    assert "checks.semantic.embeddings, suite.yaml:" in found["embeddings"].mend
    assert found["semantic judge"].mend == "export KEY_THAT_IS_NOT=…"


def test_nobody_there(here):
    found = examine(here, entry(DEAD), entry("http://127.0.0.1:9/other"))
    assert {found["baseline"].state, found["candidate"].state} == {"missing"}
    assert "Is the server running?" in found["baseline"].told


def test_an_endpoint_that_hangs_is_given_up(here, monkeypatch):
    monkeypatch.setattr(examined, "ENDPOINT_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = examine(here, entry(f"http://127.0.0.1:{silent.getsockname()[1]}/v1"), entry(DEAD))
    assert found["baseline"].state == "missing"
    assert "within 0.2 s" in found["baseline"].told


def test_keys_are_looked_for_and_never_shown(here, monkeypatch):
    monkeypatch.setenv("KEY_THAT_IS_SET", KEY)
    monkeypatch.delenv("KEY_THAT_IS_NOT", raising=False)
    with scripted(1, 1) as server:
        keyed, keyless = (entry(server.base_url, api_key_env=name) for name in ("KEY_THAT_IS_SET", "KEY_THAT_IS_NOT"))
        suite = here.write_suite(DEAD, 40, models={"baseline": keyed, "candidate": keyless})
        checks = doctor(suite)
    assert KEY[:8] not in str(checks)
    assert [c.state for c in checks if c.what == "baseline"] == ["ok", "ok"]
    (missing,) = [c for c in checks if c.state == "missing"]
    assert (missing.what, missing.mend) == ("candidate", "export KEY_THAT_IS_NOT=…")


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_a_vendor_needs_its_sdk_its_key_and_the_model(here, monkeypatch, vendor):
    variable = f"{vendor.upper()}_API_KEY"
    monkeypatch.delenv(variable, raising=False)
    with scripted(1, 1) as server:
        side = entry(server.base_url) | {"backend": vendor}
        checks = examine(here, side, side | {"model": "tuned"})
        assert (checks["baseline"].state, checks["baseline"].mend) == ("missing", f"export {variable}=…")
        monkeypatch.setenv(variable, KEY)
        checks = examine(here, side, side | {"model": "gone"})
        assert checks["baseline"].state == "ok"
        assert "serves 'base'" in checks["baseline"].told
        assert "does not serve 'gone'" in checks["candidate"].told
        monkeypatch.setattr(examined.importlib.metadata, "version", missing(vendor))
        checks = examine(here, side, side | {"model": "tuned"})
    assert checks["baseline"].mend == f'pip install "evalkit-gate[{vendor}]"'
    assert KEY not in str(checks)


def missing(name):
    """`importlib.metadata.version` of a machine without that package."""
    there = examined.importlib.metadata.version

    def version(asked):
        if asked == name:
            raise examined.importlib.metadata.PackageNotFoundError(asked)
        return there(asked)

    return version


def test_recorded_answers_that_do_not_cover_the_samples(here):
    here.write_suite(DEAD, 40)
    (here.folder / "suite" / "some.jsonl").write_text(json.dumps({"id": "s0001", "output": "red"}) + "\n")
    with scripted(1, 1) as server:
        found = examine(here, {"backend": "outputs", "path": "some.jsonl"}, entry(server.base_url))
    assert found["baseline"].state == "warning"
    assert "1 of 40" in found["baseline"].told


def test_the_local_engine_and_its_adapter(here, monkeypatch):
    here.write_suite(DEAD, 40)
    (here.folder / "suite" / "adapter").mkdir()
    local = {"backend": "local", "model": "smollm2-135m-instruct"}
    found = examine(here, local, local | {"adapter": "adapter"})
    assert found["baseline"].state == "ok"
    assert found["candidate"].state == "missing"
    assert "holds no .gguf file" in found["candidate"].told
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "xllamacpp" else real(name, *more)
    )
    found = examine(here, local, entry(DEAD))
    assert found["local engine"].state == found["baseline"].state == "missing"
    assert found["baseline"].mend == 'pip install "evalkit-gate[local]"'
    assert next(check for check in doctor() if check.what == "local engine").state == "warning"


def test_a_broken_plug_in_is_named_with_its_distribution(here, monkeypatch):
    class Installed:
        name, version = "acme-models", "1.2"

    broken = EntryPoint("acme", "no_such_module_of_acme:make", "evalkit.backends")._for(Installed())
    monkeypatch.setattr(plugins, "_points", lambda kind: (broken,) if kind == "backends" else ())
    (found,) = [check for check in doctor() if check.what == "plug-in acme"]
    assert found.state == "warning"
    assert "acme-models 1.2" in found.told
    assert found.mend == "pip install --upgrade acme-models"


@pytest.mark.parametrize(("free", "state"), [(10**12, "ok"), (10**8, "warning"), (10**6, "missing")])
def test_disk(here, monkeypatch, free, state):
    monkeypatch.setattr(shutil, "disk_usage", lambda *_: type("Usage", (), {"free": free}))
    assert next(check for check in doctor() if check.what == "disk").state == state


def test_a_place_that_takes_no_journal(here, monkeypatch):
    monkeypatch.setenv("EVALKIT_HOME", "/proc/evalkit")
    (found,) = [check for check in doctor() if check.what == "journal"]
    assert found.state == "missing"
    assert "EVALKIT_HOME" in found.mend


def test_a_filesystem_without_a_write_ahead_log(here, monkeypatch):
    real = examined.journal_problem
    assert real(Path()) is None
    monkeypatch.setattr("evalkit.store.journal.sqlite3.connect", _without_wal(examined))
    assert "write-ahead log" in real(Path())


def _without_wal(_):
    import sqlite3  # noqa: PLC0415 - the real one, before it is replaced

    connect = sqlite3.connect

    class Connection(sqlite3.Connection):
        def execute(self, statement, *more):
            return super().execute(statement.replace("journal_mode=WAL", "journal_mode=DELETE"), *more)

    return lambda *args, **more: connect(*args, factory=Connection, **more)


def test_a_bad_suite(here):
    with pytest.raises(UsageError):
        doctor(here.folder / "nowhere.yaml")
