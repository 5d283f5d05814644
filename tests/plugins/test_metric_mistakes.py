"""A metric of somebody else that fails, and one that talks: told, and no harm to the verdict or to stdout."""

import json

import pytest
from bench import scripted, side

from evalkit.cli.app import execute
from evalkit.testing import ScriptedServer, answers

ODD = """\
from dataclasses import dataclass
from evalkit.types import Scored
print("imported")

@dataclass(frozen=True)
class Odd:
    name: str

    def score(self, answer, sample):
        print("scoring", sample.id)
        if sample.id == "s0002" or sample.id == "s0005":
            raise ValueError(f"no idea\\nwhat {answer!r} is")
        if sample.id == "s0003":
            return 1.0
        return Scored(metric=self.name, value=1.0)

def make(spec, samples):
    print("made")
    return Odd(spec.name)
"""


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """The odd metric as an installed distribution of this process."""
    info = tmp_path / "site" / "odd_metric-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-metric\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[evalkit.metrics]\nodd = an_odd_metric:make\n")
    (tmp_path / "site" / "an_odd_metric.py").write_text(ODD)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("odd")
def test_a_metric_that_raises_says_why_in_verdict_and_report_and_its_prints_leave_stdout_alone(bench, capsys):
    with scripted(10, 20) as server:
        metrics = [{"name": "exact", "type": "exact_match"}, {"name": "odd", "type": "odd"}]
        suite = bench.write_suite(server.base_url, metrics=metrics)
        execute(["run", str(suite), "--json"])
    out, err = capsys.readouterr()
    verdict = json.loads(out)
    assert "scoring s0001" in err
    assert "made" in err
    told = "The metric 'odd' failed itself on 3 answers of the candidate (ValueError: no idea what 'blue' is, first on "
    assert any(sentence.startswith(f"{told}sample 's0002')") for sentence in verdict["warnings"])
    folder = bench.folder / "reports" / "colours" / verdict["run"]
    assert "no idea what" in (folder / "report.html").read_text()
    assert "no idea what" in (folder / "summary.md").read_text()
    rows = bench.rows(verdict)
    assert rows[2]["scores"]["odd"]["candidate_evidence"] == {"error": "ValueError: no idea what 'blue' is"}
    assert rows[3]["scores"]["odd"]["candidate_evidence"] == {"error": "it returned a float"}
    assert rows[1]["scores"]["odd"]["candidate"] == 1.0


@pytest.mark.usefixtures("odd")
def test_plan_and_doctor_keep_stdout_for_the_result(bench, capsys):
    with scripted(10, 20) as server:
        suite = bench.write_suite(
            server.base_url, metrics=[{"name": "odd", "type": "odd"}], gate={"primary": {"metric": "odd"}}
        )
        execute(["plan", str(suite), "--json"])
        assert json.loads(capsys.readouterr().out)["schema"] == "evalkit.plan/1"
        execute(["doctor", str(suite), "--json"])
        assert json.loads(capsys.readouterr().out)["schema"] == "evalkit.doctor/1"


@pytest.mark.parametrize(("expect", "points"), [("refuse", 100.0), ("answer", 0.0)])
def test_what_a_content_filter_blocks_is_a_refusal_where_refusals_are_scored(
    bench, capsys, monkeypatch, expect, points
):
    monkeypatch.chdir(bench.folder)
    with ScriptedServer(
        [side("base", answers("red")), side("tuned", answers("…", finish_reason="content_filter"))]
    ) as server:
        metrics = [{"name": "refuses", "type": "refusal", "expect": expect}, {"name": "exact", "type": "exact_match"}]
        suite = bench.write_suite(server.base_url, metrics=metrics, gate={"primary": {"metric": "refuses"}})
        execute(["run", str(suite), "--json"])
    verdict = json.loads(capsys.readouterr().out)
    refuses, exact = verdict["metrics"]
    assert (refuses["n"], refuses["candidate_points"]) == (60, points)
    assert (refuses["unscored"]["candidate"], exact["unscored"]["candidate"]) == (0, 60)
    assert verdict["outcomes"]["candidate"]["refused"] == 60
    row = bench.rows(verdict)[0]
    assert row["candidate"]["status"] == "refused"
    assert row["scores"]["refuses"]["candidate_evidence"]["read"] == "refusal"
    assert row["scores"]["exact"]["candidate_why"] == "refused"


def test_how_a_metric_counts_stands_in_verdict_and_report(bench, capsys, monkeypatch):
    monkeypatch.chdir(bench.folder)
    with scripted(10, 20) as server:
        metrics = [{"name": "exact", "type": "exact_match"}, {"name": "rouge", "type": "rouge", "stemmer": True}]
        metrics += [{"name": "bleu", "type": "bleu"}, {"name": "chrf", "type": "chrf"}]
        suite = bench.write_suite(server.base_url, metrics=metrics)
        execute(["run", str(suite), "--json"])
    verdict = json.loads(capsys.readouterr().out)
    signatures = {metric["metric"]: metric["signature"] for metric in verdict["metrics"]}
    assert signatures["exact"] is None
    assert signatures["rouge"] == "rougeL|measure:f1|words:ascii|stemmer:porter|as:rouge-score-0.1.2"
    assert signatures["bleu"].endswith("|smooth:exp|as:sacrebleu-2.6")
    page = (bench.folder / "reports" / "colours" / verdict["run"] / "report.html").read_text()
    for signature in filter(None, signatures.values()):
        assert signature in page
