"""The embedded model as a judge: a weak one, whose every verdict was still read and whose every failure is missing."""

import json

import pytest
from judge_bench import RUBRIC, write_judge

from evalkit.jobs.running.run import RunOptions, run
from evalkit.judging.spec import Judgment
from evalkit.run.progress import Progress

N = 2


@pytest.mark.model
def test_a_small_model_grades_and_decides_nothing(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    here = folder.path
    samples = [{"id": f"s{i:02d}", "text": f"What is {i} + {i}?", "label": str(2 * i)} for i in range(N)]
    (here / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in samples))
    for name, wrong in (("base", 1), ("tuned", 0)):
        answers = [{"id": f"s{i:02d}", "output": str(2 * i + (wrong if i == 1 else 0))} for i in range(N)]
        (here / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    model = {"backend": "local", "model": "smollm2-135m-instruct", "max_tokens": 100}
    judge = write_judge(here, RUBRIC | {"id": "sums", "model": model})
    suite = {
        "version": 1,
        "name": "sums",
        "dataset": {"path": "samples.jsonl", "id": "id", "prompt": "{{ text }}", "target": "label"},
        "models": {
            "baseline": {"backend": "outputs", "path": "base.jsonl"},
            "candidate": {"backend": "outputs", "path": "tuned.jsonl"},
        },
        "metrics": [{"name": "right", "type": "judge", "judge": judge.name}],
        "gate": {"primary": {"metric": "right"}, "validity": {"min_n": 1}},
    }
    (here / "suite.yaml").write_text(json.dumps(suite))
    done = run(RunOptions(suite_path=here / "suite.yaml", command="evalkit run"), Progress())
    (found,) = done.document["judges"]
    assert found["asked"] == N + 1
    assert found["n"] + found["errors"] == found["asked"]
    lines = (done.folder / "judgments.jsonl").read_text().splitlines()
    judgments = [Judgment.from_row(json.loads(line)) for line in lines]
    assert len(judgments) == 2 * N
    assert {one.verdict for one in judgments} <= {"pass", "fail", None}
    # Whatever it says, nobody has compared it with people: nothing ships on its word.
    assert done.document["exit_code"] in {3, 4}
    assert {"JUDGE_UNCALIBRATED", "TOO_FEW_SAMPLES"} & {reason["code"] for reason in done.document["reasons"]}
