"""`evalkit export`: a finished run as other tools read it, checked with those tools."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
import yaml
from bench import REPO

from evalkit.errors import ExecutionError, UsageError
from evalkit.jobs.export import export
from evalkit.report.exports.model_card import render_model_card
from evalkit.report.exports.tracked import tracked
from evalkit.report.html import render_html

HOSTILE = '=1+1"<b>|`x`\n---\nlicense: evil\ud800'


@pytest.fixture
def run(documents, tmp_path):
    """A finished run's folder, with whatever the verdict is changed to."""

    def make(status="ship", **changes):
        verdict, samples, manifest = documents.make_documents(status)
        verdict |= changes
        (tmp_path / "verdict.json").write_text(json.dumps(verdict))
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        (tmp_path / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in samples))
        (tmp_path / "report.html").write_bytes(render_html(verdict, samples, manifest))
        return tmp_path

    return make


def metadata(card):
    return yaml.safe_load(card.split("---\n")[1])


def test_the_hub_reads_the_candidates_results_from_the_card(run):
    hub = pytest.importorskip("huggingface_hub")
    folder = run()
    written = export(str(folder), folder, "model-card", None)
    card = hub.ModelCard.load(written)
    verdict = json.loads((folder / "verdict.json").read_text())
    found = {result.metric_name.partition(",")[0]: result.metric_value for result in card.data.eval_results}
    wanted = {m["metric"]: m["candidate_points"] for m in verdict["metrics"] if m["candidate_points"] is not None}
    assert found == pytest.approx(wanted, abs=1e-4)
    assert {result.dataset_revision for result in card.data.eval_results} == {verdict["provenance"]["data_sha256"]}
    assert "evalkit-ship" in card.data.tags
    for told in ("✔ SHIP", verdict["provenance"]["data_sha256"], "What was asked for", "What differs between"):
        assert told in card.text


@pytest.mark.parametrize("status", ["invalid", "error"])
def test_numbers_that_support_no_verdict_reach_no_metadata(documents, status):
    card = render_model_card(documents.make_verdict(status), {})
    assert "model-index" not in metadata(card)
    assert metadata(card)["tags"] == ["evalkit", f"evalkit-{status}"]


def test_what_was_not_measured_is_in_no_metadata_and_is_said(documents):
    verdict = documents.make_verdict("ship")
    verdict["metrics"][1] |= dict.fromkeys(("baseline_points", "candidate_points", "delta_points", "ci95_points"))
    card = render_model_card(verdict, {})
    names = [m["name"] for m in metadata(card)["model-index"][0]["results"][0]["metrics"]]
    assert len(names) == len(verdict["metrics"]) - 1
    assert "not measured" in card


def test_the_card_names_a_base_model_only_where_the_weights_prove_it(documents):
    verdict = documents.make_verdict("ship")
    base = {"served_model": "org/base", "weights_sha256": "a" * 64}

    def named(**candidate):
        sides = {"baseline": base, "candidate": {"served_model": "org/tuned"} | candidate}
        return metadata(render_model_card(verdict | {"identity": sides}, {})).get("base_model")

    assert named(weights_sha256="a" * 64, adapter_sha256="b" * 64) == "org/base"
    assert named(weights_sha256="c" * 64) is None  # another vendor's model, perhaps
    assert named(adapter_sha256="b" * 64) is None


def test_a_hostile_text_adds_no_key_and_no_markup(documents):
    verdict = documents.make_verdict("ship") | {"suite": HOSTILE, "headline": HOSTILE}
    verdict["metrics"][0]["metric"] = HOSTILE
    card = render_model_card(verdict, {})
    assert set(yaml.safe_load(re.split(r"^---$", card, flags=re.MULTILINE)[1])) <= {"tags", "base_model", "model-index"}
    assert "<b>" not in card.partition("\n---\n")[2]
    card.encode()


def test_parquet_and_csv_hold_the_same_samples_and_parquet_their_types(run):
    parquet = pytest.importorskip("pyarrow.parquet")
    folder = run("dont_ship")
    rows = list(csv.DictReader(io.StringIO((folder / export(str(folder), folder, "csv", None)).read_text())))
    table = parquet.read_table(export(str(folder), folder, "parquet", str(folder / "own.parquet")))
    assert table.column_names == list(rows[0])
    assert table.column("id").to_pylist() == [row["id"] for row in rows]
    assert str(table.schema.field("exact_baseline").type) == "double"
    scores = [None if row["exact_baseline"] == "" else float(row["exact_baseline"]) for row in rows]
    assert table.column("exact_baseline").to_pylist() == scores
    assert None in scores  # a sample that was not scored is null, not 0


@pytest.mark.parametrize("kind", ["files", "sqlite"])
def test_mlflow_keeps_the_run_with_its_report_in_a_real_store(run, kind):
    pytest.importorskip("mlflow")
    folder = run()
    store = (folder / "store").as_uri() if kind == "files" else f"sqlite:///{folder / 'mlflow.db'}"
    script = (
        "import sys, json\n"
        "from pathlib import Path\n"
        "from evalkit.jobs.export import export\n"
        "folder, store = sys.argv[1:]\n"
        "export(folder, Path(folder), 'mlflow', store); export(folder, Path(folder), 'mlflow', store)\n"
        "from mlflow.tracking import MlflowClient\n"
        "client = MlflowClient(tracking_uri=store)\n"
        "where = client.get_experiment_by_name('evalkit review-triage').experiment_id\n"
        "runs = client.search_runs([where])\n"
        "last = runs[0]\n"
        "kept = sorted(f.path for f in client.list_artifacts(last.info.run_id))\n"
        "print(json.dumps([len(runs), last.info.status, last.data.metrics, last.data.params, last.data.tags, kept]))\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", script, str(folder), store],
        cwd=folder,
        env=os.environ | {"MLFLOW_ALLOW_FILE_STORE": "true", "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    n, status, metrics, params, tags, kept = json.loads(child.stdout.splitlines()[-1])
    verdict = json.loads((folder / "verdict.json").read_text())
    assert (n, status, tags["evalkit.verdict"]) == (2, "FINISHED", "ship")
    assert metrics["exact.delta_points"] == pytest.approx(verdict["primary"]["delta_points"])
    assert params["data_sha256"] == verdict["provenance"]["data_sha256"]
    assert kept == ["report.html", "verdict.json"]


def test_a_store_in_a_database_says_what_it_lacks(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = run()
    for store in (None, "sqlite:///runs.db", "postgresql+psycopg://db/x"):
        with pytest.raises(UsageError, match=r"needs sqlalchemy(.|\n)*pip install 'evalkit-gate\[mlflow\]'"):
            export(str(folder), folder, "mlflow", store)


def test_a_login_in_the_stores_address_is_shown_nowhere(run, monkeypatch):
    class Failure(Exception):
        pass

    class Client:
        def __init__(self, tracking_uri):
            assert "s3cret" in tracking_uri
            assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"

        def get_experiment_by_name(self, _title):
            raise Failure("no connection to postgresql://ann:s3cret@db/x")

    tracking = SimpleNamespace(MlflowClient=Client)
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(tracking=tracking))
    monkeypatch.setitem(sys.modules, "mlflow.exceptions", SimpleNamespace(MlflowException=Failure))
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "")
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY")
    folder = run()
    with pytest.raises(ExecutionError, match=r"took no run") as caught:
        export(str(folder), folder, "mlflow", "postgresql://ann:s3cret@db/x")
    assert "s3cret" not in str(caught.value)
    assert "db/x" in str(caught.value)


def test_what_was_not_measured_is_no_entry_of_the_tracker(documents):
    verdict = documents.make_verdict("error") | {"suite": "a:b/c" * 2000}
    found = tracked(verdict)
    assert not [name for name in found.metrics if name.endswith("_points")]
    assert all(re.fullmatch(r"[\w./ -]{1,250}", name) for name in (*found.metrics, *found.params))
    assert max(map(len, found.params.values())) <= 6000


def test_an_export_that_cannot_be_says_what_to_do(run, monkeypatch):
    folder = run()
    with pytest.raises(UsageError, match="knows model-card, csv, parquet, mlflow; not 'pdf'"):
        export(str(folder), folder, "pdf", None)
    with pytest.raises(UsageError, match="is a folder"):
        export(str(folder), folder, "csv", str(folder))
    with pytest.raises(ExecutionError, match="could not be written"):
        export(str(folder), folder, "csv", str(folder / "verdict.json" / "x.csv"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"pip install 'evalkit-gate\[parquet\]'"):
        export(str(folder), folder, "parquet", None)
