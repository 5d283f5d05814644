"""Answers to samples the suite does not have: every file is told at once, by the name the user gave it."""

import pytest

from evalkit.errors import UsageError
from evalkit.jobs.compare import CompareOptions, compare
from evalkit.jobs.running.run import load_all

GOOD = '{"id": "t1", "output": "{}"}\n{"id": "t2", "output": "{}"}\n'
MODELS = tuple(f"models.{role}={{backend: outputs, path: ../{role}.jsonl}}" for role in ("baseline", "candidate"))


def told(folder, **files):
    folder.write("../evalkit.toml", "")
    for role, text in files.items():
        folder.write(f"../{role}.jsonl", text)
    with pytest.raises(UsageError) as caught:
        load_all(folder.path / "../work/suite.yaml", overrides=MODELS)
    return caught.value.diagnostics


def test_both_files_are_told_at_once(folder, monkeypatch):
    monkeypatch.chdir(folder.path.parent)
    folder.write("../evalkit.toml", "")
    for role, name in (("baseline", "t11"), ("candidate", "x1")):
        folder.write(f"../{role}.jsonl", GOOD.replace("t1", name))
    with pytest.raises(UsageError) as caught:
        load_all(folder.path.relative_to(folder.path.parent) / "suite.yaml", overrides=MODELS)
    first, second = caught.value.diagnostics
    assert first.where == "baseline.jsonl"
    assert first.message.startswith("'t11' (did you mean 't1'?): no sample")
    assert second.where == "candidate.jsonl"
    assert second.message == "'x1': no sample of tickets is called that"
    assert "id" in first.help


def test_a_file_that_cannot_be_read_hides_no_other(folder):
    first, second = told(folder, baseline="{", candidate=GOOD.replace("t1", "x1"))
    assert first.line == 1
    assert second.message.startswith("'x1'")


def test_some_are_named_and_the_rest_counted(folder):
    many = "".join(f'{{"id": "zz{i}", "output": "a"}}\n' for i in range(9))
    first, _ = told(folder, baseline=many, candidate=many)
    assert first.message == "'zz0', 'zz1', 'zz2' and 6 more: no sample of tickets is called that"


def test_compare_tells_both_by_the_names_on_its_command_line(folder):
    for name in ("a.jsonl", "b.jsonl"):
        folder.write(name, GOOD.replace("t1", "zzz"))
    options = CompareOptions(
        suite_path=folder.path / "suite.yaml", baseline="a.jsonl", candidate="./b.jsonl", command=""
    )
    with pytest.raises(UsageError) as caught:
        compare(options)
    assert [found.where for found in caught.value.diagnostics] == ["a.jsonl", "./b.jsonl"]
