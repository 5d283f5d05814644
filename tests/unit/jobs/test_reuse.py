"""Several candidates judged by the same samples: counted, told, and limited where the suite says so."""

import json

import pytest
from bench import label_of
from msgspec import structs

from evalkit.cli.app import execute
from evalkit.jobs.running.reuse import candidate_fingerprint
from evalkit.types import ModelIdentity, ModelSpec, Price, Prompt

N = 100


@pytest.fixture
def judge(bench, monkeypatch, capsys):
    """Judges a candidate that is right on the first so many samples; returns the verdict document."""
    monkeypatch.chdir(bench.folder)

    def judged(right, *, reuse="warn", n=N, arguments=(), fixed=(), name="b"):
        suite = bench.write_suite(
            "http://127.0.0.1:9/v1",
            n,
            gate={"primary": {"metric": "exact", "min_delta": 5.0}, "reuse": reuse},
            models={
                "baseline": {"backend": "outputs", "path": "a.jsonl"},
                "candidate": {"backend": "outputs", "path": f"{name}.jsonl"},
            },
        )
        answers(suite.parent / "a.jsonl", range(60), n)
        answers(suite.parent / f"{name}.jsonl", fixed or range(right), n)
        execute(["run", str(suite), "--json", *arguments])
        return json.loads(capsys.readouterr().out)

    def answers(path, right, n):
        rows = [{"id": f"s{i:04d}", "output": label_of(i if i in right else i + 1)} for i in range(n)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    return judged


def ledger(bench):
    return [json.loads(line) for line in (bench.folder / ".evalkit" / "ledger.jsonl").read_text().splitlines()]


def test_the_first_candidate_hears_nothing_and_the_fifth_a_figure(bench, judge):
    documents = [judge(right) for right in (61, 62, 63, 64, 90)]
    assert [d["reuse"]["uses"] for d in documents] == [1, 2, 3, 4, 5]
    assert not any("candidates have been judged" in w for w in documents[0]["warnings"])
    (told,) = (w for w in documents[4]["warnings"] if "5 candidates have been judged" in w)
    # 30 of 100 pairs fixed: the bar of 5 points lies below 1.645 standard errors, so one try is false 5 times in 100.
    assert documents[4]["reuse"]["false_ship"] == pytest.approx(1 - 0.95**5, abs=0.002)
    assert "22.6 %" in told
    assert documents[4]["verdict"] == "ship"
    assert len(ledger(bench)) == 5


def test_the_same_candidate_again_is_no_new_use(bench, judge):
    judge(61)
    first, again = judge(90), judge(90)
    assert first["reuse"] == again["reuse"]
    assert (again["reuse"]["place"], again["reuse"]["uses"]) == (2, 2)
    assert len(ledger(bench)) == 2


def test_bonferroni_takes_a_smaller_alpha_from_the_first_use_on_and_ends(judge):
    policy = {"policy": "bonferroni", "max_uses": 2}
    first = judge(75, reuse=policy)
    assert first["primary"]["alpha"] == 0.025
    assert first["verdict"] == "ship"
    assert judge(76, reuse=policy)["verdict"] == "ship"
    third = judge(95, reuse=policy)
    assert (third["verdict"], third["exit_code"]) == ("inconclusive", 3)
    assert "REUSE_LIMIT" in [r["code"] for r in third["reasons"] if r["blocking"]]
    assert any("fresh samples" in line for line in third["advice"])
    assert judge(75, reuse=policy)["verdict"] == "ship"  # in its place, as before
    assert judge(30, reuse=policy)["verdict"] == "dont_ship"  # a limit excuses no regression


def test_the_smaller_alpha_decides(judge):
    # 9 fixed, 2 broken: above 0 at 5 % one-sided, not at 0.5 %.
    right = {*range(2, 60), *range(60, 69)}
    assert judge(0, fixed=right)["verdict"] == "ship"
    strict = judge(0, fixed=right, reuse={"policy": "bonferroni", "max_uses": 10})
    assert strict["verdict"] == "inconclusive"
    assert strict["primary"]["lower_points"] < 0.0


def test_sealed_samples_judge_one_candidate(judge):
    assert judge(90, reuse="sealed")["primary"]["alpha"] == 0.05
    assert judge(90, reuse="sealed")["verdict"] == "ship"
    other = judge(91, reuse="sealed")
    assert other["verdict"] == "inconclusive"
    assert "sealed" in other["headline"]


def test_one_top_up_after_inconclusive_is_free_and_a_third_look_is_not(bench, judge, monkeypatch):
    right = {*range(60), *range(60, 65), *range(300, 400)}  # fixes 5 of 100, then loses its lead

    def look(n, verdict):
        document = judge(0, fixed={*(i for i in right if i < n)} | {0}, n=n)
        lines = ledger(bench)
        # The candidate is the same model on more samples, which recorded answers cannot show: give it one name.
        lines[-1] |= {"candidate": lines[0]["candidate"], "verdict": verdict}
        (bench.folder / ".evalkit" / "ledger.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
        return document

    look(100, "inconclusive")
    name = ledger(bench)[0]["candidate"]
    monkeypatch.setattr("evalkit.jobs.running.finish.candidate_fingerprint", lambda _spec, _identity: name)
    assert look(150, "inconclusive")["reuse"]["looks"] == 0
    assert look(80, "inconclusive")["reuse"]["looks"] == 2  # fewer samples are no top-up
    third = look(200, "inconclusive")
    assert (third["reuse"]["looks"], third["reuse"]["uses"]) == (2, 3)
    assert any("One look after an inconclusive one is free" in w for w in third["warnings"])


def test_a_part_of_the_suite_and_broken_evidence_are_no_use(bench, judge):
    judge(90, arguments=["--limit", "40"])
    assert not (bench.folder / ".evalkit" / "ledger.jsonl").exists()
    assert judge(18, n=20)["verdict"] == "invalid"
    assert ledger(bench) == []


def test_a_ledger_that_cannot_be_kept_is_told_or_refused(bench, judge, capsys):
    (bench.folder / ".evalkit" / "ledger.jsonl").mkdir(parents=True)
    document = judge(90)
    assert document["verdict"] == "ship"
    assert any("not known" in w and "ledger.jsonl" in w for w in document["warnings"])
    refused = judge(91, reuse="sealed")
    assert refused["exit_code"] == 5


def test_lines_that_cannot_be_read_are_told(bench, judge):
    judge(61)
    with (bench.folder / ".evalkit" / "ledger.jsonl").open("a") as file:
        file.write("<<<<<<< HEAD\n")
    assert any("a line that cannot be read" in w for w in judge(90)["warnings"])


def test_a_runs_candidate_compared_again_is_the_same_candidate(bench, judge, capsys):
    first = judge(90)
    suite = bench.folder / "suite" / "suite.yaml"
    for candidate in (first["run"], str(suite.parent / "b.jsonl")):
        execute(["compare", str(suite.parent / "a.jsonl"), candidate, "--suite", str(suite), "--json"])
        again = json.loads(capsys.readouterr().out)
        assert again["verdict"] == "ship"
        assert again["reuse"]["candidate"] == first["reuse"]["candidate"]
    assert len(ledger(bench)) == 1


def test_another_prompt_is_another_candidate():
    spec = ModelSpec(role="candidate", backend="openai_compatible", model="tuned", base_url="http://127.0.0.1:1/v1")
    asked = structs.replace(spec, prompt=Prompt(system="Be brief."))
    other = structs.replace(spec, model="tuned-2")
    assert len({candidate_fingerprint(one, None) for one in (spec, asked, other)}) == 3
    priced = structs.replace(spec, price=Price(input=1.0, output=2.0), line=7)
    assert candidate_fingerprint(priced, None) == candidate_fingerprint(spec, None)
    weights = ModelIdentity(weights_sha256="w", adapter_sha256="a")
    moved = structs.replace(spec, base_url="http://127.0.0.1:2/v1")
    assert candidate_fingerprint(moved, weights) == candidate_fingerprint(spec, weights)


def test_the_plan_is_made_at_the_alpha_of_a_use(bench, judge, capsys):
    judge(90, reuse={"policy": "bonferroni", "max_uses": 10})
    execute(["plan", str(bench.folder / "suite" / "suite.yaml"), "--json"])
    assert json.loads(capsys.readouterr().out)["detects"]["alpha"] == pytest.approx(0.005)


def test_the_mix_is_gated_on_from_suite_file_to_report(bench, judge, capsys):
    # Right on the odd samples only, which are part b: they are a tenth of the traffic.
    right = {*range(60), *(i for i in range(60, 100) if i % 2)}
    document = judge(0, fixed=right)
    assert document["primary"]["delta_points"] == 20.0
    suite = bench.folder / "suite" / "suite.yaml"
    mixed = json.loads(suite.read_text())
    mixed["dataset"]["slices"] = ["part"]
    mixed["gate"]["slices"] = {"weights": {"part=a": 0.9, "part=b": 0.1}}
    suite.write_text(json.dumps(mixed))
    execute(["run", str(suite), "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["primary"]["delta_points"] == pytest.approx(4.0)
    assert document["verdict"] == "dont_ship"
    assert document["slice_summary"]["pooled_points"] == 20.0
    assert document["slice_summary"]["weights"] == {"part=a": 0.9, "part=b": 0.1}
    assert [part["contribution_points"] for part in document["slices"]] == [0.0, 20.0]
    assert any("+20.0 points, in the production mix +4.0" in w for w in document["warnings"])
    page = (bench.folder / "reports" / "colours" / document["run"] / "report.html").read_text()
    assert "part=b, 50.0 % of the pairs, brings +20.0 of the +20.0 points in the samples" in page


def warned(bench, capsys):
    execute(["plan", str(bench.folder / "suite" / "suite.yaml"), "--json"])
    return " ".join(json.loads(capsys.readouterr().out)["warnings"])


def test_a_plan_tells_what_a_run_would_find(bench, judge, capsys):
    judge(70, reuse="sealed")
    assert "samples" not in warned(bench, capsys), "the one candidate they judged is this one"
    judge(80, reuse="sealed", name="c")
    assert "a run could not ship: these samples are sealed and have judged one other candidate" in warned(bench, capsys)
    judge(81, reuse={"policy": "bonferroni", "max_uses": 9}, name="d")
    assert "have judged 2 other candidates of the 9 that gate.reuse allows" in warned(bench, capsys)
