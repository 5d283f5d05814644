"""The report shows what `evalkit rot` last said of its samples, and of no others."""

import json

import pytest

from evalkit.cli.app import execute

LABELS = ("red", "green", "blue")


@pytest.fixture
def suite(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    monkeypatch.setenv("EVALKIT_HOME", str(bench.folder / ".evalkit"))
    models = {side: {"backend": "outputs", "path": f"{side}.jsonl"} for side in ("baseline", "candidate")}
    path = bench.write_suite("http://127.0.0.1:9/v1", n=40, models=models)
    for side, right in (("baseline", 20), ("candidate", 35)):
        rows = [{"id": f"s{i:04d}", "output": LABELS[(i + (i >= right)) % 3]} for i in range(40)]
        (path.parent / f"{side}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def ran(suite):
    execute(["run", str(suite), "--quiet"])
    return suite.parent.parent / "reports" / "colours"


def measured(folder, **changes):
    verdict = json.loads((folder / "latest" / "verdict.json").read_text())
    signals = [
        {"name": "content drift", "light": "green", "sentence": "alike"},
        {
            "name": "length drift",
            "light": "red",
            "sentence": "texts are <b>shorter</b>",
            "statistic": "D",
            "value": 0.9,
        },
        {"name": "age", "light": "not_measured", "sentence": "not measured: no time"},
    ]
    document = {
        "schema": "evalkit.rot/1",
        "created": "2026-11-20T10:00:00Z",
        "data_sha256": verdict["provenance"]["data_sha256"],
        "logs": {"compared": 1200},
        "signals": signals,
    }
    (folder / "rot.json").write_text(json.dumps(document | changes))


def page(folder):
    return (folder / "latest" / "report.html").read_text()


def test_without_a_measurement_the_report_says_so_and_how(suite):
    folder = ran(suite)
    assert "not measured; evalkit rot measures it" in page(folder)
    assert "length drift" not in page(folder)


@pytest.mark.parametrize("again", [["report", "colours"], ["run", "suite", "--quiet"]], ids=["report", "run"])
def test_the_lights_stand_in_the_report_of_the_same_samples(suite, again):
    folder = ran(suite)
    measured(folder)
    execute(again)
    shown = page(folder)
    assert "1 red, 1 green, 1 not measured, on 2026-11-20 against 1,200 rows of production" in shown
    lights = ["✖ red · length drift", "✔ green · content drift", "– not measured · age"]
    assert sorted(lights, key=shown.index) == lights
    assert "<td>no time</td>" in shown
    assert "texts are &lt;b&gt;shorter&lt;/b&gt;" in shown
    assert "rot" not in json.loads((folder / "latest" / "verdict.json").read_text())


def test_lights_of_other_samples_are_not_shown(suite):
    folder = ran(suite)
    measured(folder, data_sha256="0" * 64)
    execute(["report", "colours"])
    assert "measured for another version of the samples" in page(folder)
    assert "length drift" not in page(folder)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"schema": "other/1"}', "[" * 100_000], ids=["half", "list", "other", "deep"]
)
def test_a_damaged_file_is_told_and_stops_nothing(suite, text):
    folder = ran(suite)
    (folder / "rot.json").write_text(text)
    assert execute(["report", "colours"]) == 0
    assert "the rot.json beside this run cannot be read" in page(folder)
