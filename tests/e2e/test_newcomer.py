"""The first minutes: what evalkit says to someone in an empty folder, and the suite that runs at once."""

import json
import subprocess
import sys

import pytest
from bench import REPO, scripted

from evalkit.cli.plan_text import plan_text
from evalkit.jobs.planning.plan import PlanOptions, plan
from evalkit.jobs.starting.init import init

WIDE = 80


def lines_fit(text):
    """Wrapped at eighty columns; a path or a command is one word and may be longer."""
    return [line for line in text.splitlines() if len(line) > WIDE and " " in line.strip()] == []


@pytest.mark.parametrize("verb", ["run", "plan", "lock"])
def test_without_a_suite_it_says_what_to_do(bench, verb):
    finished = bench.evalkit(verb, "--json")
    assert finished.code == 2
    assert "evalkit init" in finished.err
    assert finished.document["exit_code"] == 2
    assert list(bench.folder.iterdir()) == []


def test_init_plan_doctor(bench):
    made = bench.evalkit("init")
    assert made.code == 0
    assert "evalkit run" in made.out
    before = sorted(path for path in bench.folder.rglob("*"))
    planned, looked = bench.evalkit("plan"), bench.evalkit("doctor")
    assert (planned.code, looked.code) == (0, 0), planned.err + looked.err
    assert sorted(path for path in bench.folder.rglob("*")) == before
    for text in (made.out, planned.out, looked.out):
        assert lines_fit(text)
        assert "\x1b" not in text
    assert "What 80 samples can show on accuracy" in planned.out
    assert "nothing that is needed is missing" in looked.out
    again = bench.evalkit("init")
    assert again.code == 2
    assert lines_fit(again.err)
    assert "help: name a new folder" in again.err


def test_colour_where_it_is_wanted(bench):
    init(bench.folder)
    wanted = {"NO_COLOR": "", "FORCE_COLOR": "1", "TERM": "xterm"}
    assert "\x1b[" in bench.evalkit("plan", env=wanted).out
    assert "\x1b[" in bench.evalkit("doctor", env=wanted).out
    assert "\x1b" not in bench.evalkit("doctor", "--no-color", env=wanted).out


def test_the_suite_here_is_the_suite_meant(bench):
    with scripted(60, 90) as server:
        here = bench.write_suite(server.base_url, 100).parent
        stopped = bench.evalkit("run", "--max-requests", "100", "--json", cwd=here)
        assert stopped.code == 5, stopped.err
        run = next((here / ".evalkit" / "runs").iterdir()).name
        resumed = bench.evalkit("run", "--resume", run, "--json", cwd=here)
        assert (resumed.code, resumed.document["run"]) == (0, run), resumed.err
        planned = bench.evalkit("plan", "--json", cwd=here)
    assert planned.document["requests"]["to_send"] == 0
    assert planned.document["last_run"] == run


def test_doctor_ends_in_5_when_something_needed_is_missing(bench):
    suite = bench.write_suite("http://127.0.0.1:9/v1", 40)
    looked = bench.evalkit("doctor", suite, "--json")
    assert looked.code == looked.document["exit_code"] == 5
    assert {c["what"] for c in looked.document["checks"] if c["state"] == "missing"} == {"baseline", "candidate"}
    assert "2 needed and missing" in bench.evalkit("doctor", suite).out
    assert bench.evalkit("doctor", bench.folder / "nowhere.yaml").code == 2


def test_hostile_names_reach_no_terminal(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    suite = bench.write_suite("http://127.0.0.1:9/v1", 40)
    data = suite.parent / "samples.jsonl"
    rows = [json.loads(line) for line in data.read_text().splitlines()]
    for number, row in enumerate(rows):
        row["part"] = f"\x1b]0;x\x07\u202e{number % 2}"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    document = json.loads(suite.read_text())
    document["dataset"]["slices"] = ["part"]
    document["name"] = "col\u202eours"
    suite.write_text(json.dumps(document))
    text = plan_text(plan(PlanOptions(suite_path=suite)), color=False)
    assert "Slices too small to be judged" in text
    assert not set(text) & {"\x1b", "\x07", "\u202e"}


def test_help_imports_nothing_heavy():
    child = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "evalkit", "--help"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in child.stderr.splitlines()}
    assert "typer" in imported
    assert not imported & {"numpy", "scipy", "jinja2", "pydantic", "sqlite3", "rich", "yaml", "msgspec", "xllamacpp"}


@pytest.mark.model
def test_init_and_run_on_the_bundled_model(bench):
    # Four samples: it proves that the suite runs as it is made, not what the whole of it finds.
    assert bench.evalkit("init").code == 0
    finished = bench.evalkit("run", "--json", "--limit", "4")
    assert finished.code == 3, finished.err
    document = finished.document
    assert "LIMITED" in {reason["code"] for reason in document["reasons"]}
    assert document["coverage"]["share"] == 1.0
    assert all(side["truncated"] == 0 for side in document["outcomes"].values())
    # The plan finds every answer in the cache: it knows beforehand what the engine proves when it is opened.
    assert bench.evalkit("plan", "--json", "--limit", "4").document["requests"]["to_send"] == 0
