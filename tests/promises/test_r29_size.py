"""Long samples cost disk, not memory: 100 kB of text a row, and 100 kB an answer."""

import json
import os
import random
import subprocess
import sys

import pytest
from bench import REPO

CHARS = 100_000
SAMPLES = 1_000
RUN = """
import resource, subprocess, sys
with open("out", "w") as out:
    command = [sys.executable, "-m", "evalkit", "run", "suite.yaml", "--json"]
    code = subprocess.run(command, stdout=out, stderr=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, code)
"""
DATA_MB = 3 * SAMPLES * CHARS / 1e6
"""The samples and two files of answers, nearly all of them long."""


def write_suite(folder, n):
    rng = random.Random(5)  # noqa: S311 - test data
    known = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 9))) for _ in range(3000)]
    pool = " ".join(rng.choices(known, k=60_000))

    def text():
        start = rng.randrange(len(pool) - CHARS)
        return pool[start : start + CHARS]

    folder.mkdir()
    files = [(folder / name).open("w") for name in ("samples.jsonl", "a.jsonl", "b.jsonl")]
    with files[0] as samples, files[1] as base, files[2] as tuned:
        for i in range(n):
            samples.write(json.dumps({"id": f"s{i}", "text": text(), "label": "yes"}) + "\n")
            base.write(json.dumps({"id": f"s{i}", "output": text()}) + "\n")
            tuned.write(json.dumps({"id": f"s{i}", "output": "yes" if i % 10 == 0 else text()}) + "\n")
    document = {
        "version": 1,
        "name": "long",
        "dataset": {"path": "samples.jsonl", "id": "id", "prompt": "{{ text }}", "target": "label"},
        "models": {
            "baseline": {"backend": "outputs", "path": "a.jsonl"},
            "candidate": {"backend": "outputs", "path": "b.jsonl"},
        },
        "metrics": [{"name": "exact", "type": "exact_match"}],
        "gate": {"primary": {"metric": "exact", "min_delta": 5.0}},
    }
    (folder / "suite.yaml").write_text(json.dumps(document))


def peak_mb(folder, n):
    """Most memory a whole run of n such samples took, and the run's folder."""
    write_suite(folder, n)
    environment = os.environ | {"PYTHONPATH": str(REPO), "EVALKIT_HOME": str(folder / "state")}
    # A child's peak counts what its parent held when it was forked, so a small process starts it.
    child = subprocess.run([sys.executable, "-c", RUN], cwd=folder, env=environment, capture_output=True, check=True)
    peak_kb, code = map(int, child.stdout.split())
    assert code == 0
    document = json.loads((folder / "out").read_text())
    return peak_kb / 1024, folder / "reports" / "long" / document["run"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return peak_mb(tmp_path_factory.mktemp("long") / "suite", SAMPLES)


def test_a_run_takes_less_memory_than_its_data(run):
    """300 MB of text in some 150 MB, 110 of which an empty run takes too."""
    assert run[0] < 0.85 * DATA_MB, f"{run[0]:.0f} MB"


def test_nothing_is_cut_but_in_the_page_which_says_so(run):
    _, folder = run
    page = folder / "report.html"
    assert page.stat().st_size <= 15_000_000
    assert "All of it is in samples.jsonl" in page.read_text()
    rows = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    assert all(len(row["input"]) == CHARS for row in rows)
    assert {len(row["candidate"]["text"]) for row in rows} == {3, CHARS}
