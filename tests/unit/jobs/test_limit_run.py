"""--limit decides nothing, unless it leaves nothing out."""

import json

import pytest

from evalkit.jobs.running.run import RunOptions
from evalkit.jobs.running.run import run as evalkit_run
from evalkit.run.progress import Progress


@pytest.mark.parametrize(("limit", "is_part"), [(59, True), (60, False), (1000, False)])
def test_only_a_limit_below_all_rows_is_one(bench, monkeypatch, limit, is_part):
    monkeypatch.chdir(bench.folder)
    suite = bench.write_suite("http://127.0.0.1:9/v1")
    rows = [json.loads(line) for line in (suite.parent / "samples.jsonl").read_text().splitlines()]
    document = json.loads(suite.read_text())
    for role in ("baseline", "candidate"):
        said = [{"id": row["id"], "output": row["label"] if role == "candidate" else "none"} for row in rows]
        (suite.parent / f"{role}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
        document["models"][role] = {"backend": "outputs", "path": f"{role}.jsonl"}
    suite.write_text(json.dumps(document))
    finished = evalkit_run(RunOptions(suite_path=suite, command="evalkit run", limit=limit), Progress())
    assert ("LIMITED" in {reason["code"] for reason in finished.document["reasons"]}) is is_part
    assert finished.document["verdict"] == ("inconclusive" if is_part else "ship")
