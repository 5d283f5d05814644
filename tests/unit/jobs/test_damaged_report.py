"""A report file that was cut is named, with the command that writes it anew."""

import json

import pytest

from evalkit.errors import ExecutionError
from evalkit.jobs.recorded import find_run
from evalkit.jobs.render import render_again


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "reports" / "colours" / "r1"
    folder.mkdir(parents=True)
    verdict = {"schema": "evalkit.verdict/1", "verdict": "ship", "exit_code": 0}
    (folder / "verdict.json").write_text(json.dumps(verdict))
    (folder / "manifest.json").write_text(json.dumps({"command": "evalkit run 'my suite.yaml' --json", "run": "r1"}))
    return folder


def cut(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def refused(ask):
    with pytest.raises(ExecutionError) as caught:
        ask()
    return str(caught.value)


def test_a_cut_verdict_names_the_file_and_the_command(run):
    cut(run / "verdict.json")
    (run.parent / "latest").symlink_to("r1")
    for name in (run, "colours"):
        told = refused(lambda name=name: find_run(str(name), run.parents[1]))
        assert "verdict.json is damaged: it is cut off or no JSON" in told
        assert told.endswith("evalkit run 'my suite.yaml' --json --resume r1")


def test_a_verdict_of_no_known_shape_says_so_too(run):
    (run / "verdict.json").write_text('{"verdict": "ship", "exit_code": 1}')
    assert refused(lambda: find_run(str(run))).endswith("--resume r1")


def test_a_cut_manifest_is_mended_the_same_way(run):
    cut(run / "manifest.json")
    told = refused(lambda: render_again(str(run), run.parents[1], ["html"]))
    assert "manifest.json is damaged" in told
    assert told.endswith("evalkit run SUITE --resume r1")


def test_a_comparison_is_made_again(run):
    cut(run / "verdict.json")
    (run / "manifest.json").write_text('{"command": "evalkit compare a.jsonl b.jsonl --suite s.yaml"}')
    told = refused(lambda: find_run(str(run)))
    assert told.endswith("compare again: evalkit compare a.jsonl b.jsonl --suite s.yaml")
