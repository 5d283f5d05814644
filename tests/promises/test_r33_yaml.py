"""Bad YAML ends in file, line and column: at once, and in little memory."""

import json
import time

import pytest
import yaml
from memory import growth
from suite_folder import CORPORA

from evalkit.errors import UsageError
from evalkit.suites.load import read_source
from evalkit.suites.yaml_source import parse

CASES = [json.loads(line) for line in (CORPORA / "yaml.jsonl").read_text(encoding="utf-8").splitlines()]
TEXTS = [case["head"] + case["unit"] * case["times"] + case["tail"] for case in CASES]
LIMIT_S = 0.1
LOOP_S = 0.0148
"""What `loop` takes on the machine that the limit was set on."""
LIMIT_MB = 20


def problems_of(text):
    started = time.thread_time()
    try:
        found = parse(text, "suite.yaml").problems
    except UsageError as error:
        found = error.diagnostics
    return found, time.thread_time() - started


def loop():
    started = time.thread_time()
    sum(i * i for i in range(200_000))
    return time.thread_time() - started


def limit_s():
    """The limit, on this machine as it is now: a slower one, or a busy one, has as much longer."""
    return LIMIT_S * max(1.0, min(loop() for _ in range(5)) / LOOP_S)


def test_there_are_at_least_thirty_files():
    assert len(set(TEXTS)) >= 30


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_bad_file_is_located_at_once(text):
    tries = [problems_of(text) for _ in range(2)]
    while min(spent for _, spent in tries) > LIMIT_S and len(tries) < 10:  # a busy machine slows some tries, not all
        tries.append(problems_of(text))
    found, _ = tries[0]
    assert found
    assert all(problem.path == "suite.yaml" for problem in found)
    assert all(problem.line is not None and problem.column is not None for problem in found)
    assert all(len(problem.source or "") <= 200 for problem in found)
    assert min(spent for _, spent in tries) <= limit_s()
    assert min(grown_mb(text) for _ in range(2)) <= LIMIT_MB


def grown_mb(text):
    """As the system counts it: what libyaml takes as well as what Python takes."""
    with growth() as grown:
        problems_of(text)
    return grown.mb


def test_a_file_without_a_mapping_is_told_from_one_of_comments():
    assert "nothing but comments" in problems_of("# a\n\n  # b\n")[0][0].message
    assert "is no suite" in problems_of("~")[0][0].message
    assert "is empty" in problems_of(" \n")[0][0].message


@pytest.mark.parametrize("text", [case["unit"] for case in CASES if case["times"] == 1])
def test_the_same_is_refused_without_libyaml(text, monkeypatch):
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert problems_of(text)[0]


def test_ten_megabytes_are_not_even_parsed(folder, monkeypatch):
    path = folder.write("suite.yaml", b"# x\n" * 2_500_000)
    monkeypatch.setattr(yaml, "parse", lambda *_, **__: pytest.fail("it was parsed"))
    with pytest.raises(UsageError, match="larger than 1,000,000 bytes"):
        read_source(path)
