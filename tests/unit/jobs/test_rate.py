import json
import re
import stat

import pytest
from raters import download, make, rated, samples, write_run

from evalkit.cli.app import execute
from evalkit.errors import ExecutionError, UsageError
from evalkit.jobs.rating.rate import Asked, make_page
from evalkit.jobs.rating.take_back import import_ratings
from evalkit.judging.labels import read_labels
from evalkit.judging.load import load_judge


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_run(tmp_path / "reports" / "triage" / "r1")


def send(run, key, name, prefers, **more):
    limit = more.pop("limit", None)
    path = run.parent / f"{name.replace('/', '')}.jsonl"
    path.write_bytes(download(key.batch, name, rated(key, prefers, limit), **more))
    return path


def take(run, *files, **more):
    return import_ratings(files, str(run), run.parents[1], **more).document


def likes_right_answers(run, metric="exact"):
    rows = samples(run)

    def prefers(showing):
        scores = rows[showing.sample]["scores"][metric]
        gap = (scores["candidate"] or 0) - (scores["baseline"] or 0)
        return "candidate" if gap > 0 else "baseline" if gap < 0 else "same"

    return prefers


def sheet(run):
    page = (run / "rate.html").read_text()
    return json.loads(re.search(r'id="sheet">(.*?)</script>', page, re.DOTALL)[1])


def refusal(call, *arguments, **more):
    with pytest.raises(UsageError) as refused:
        call(*arguments, **more)
    return str(refused.value)


def test_the_page_is_blind_and_its_key_stays_beside_the_run(run):
    key = make(run, n=40)
    page, rows = (run / "rate.html").read_text(), samples(run)
    verdict = json.loads((run / "verdict.json").read_text())
    models = [verdict["identity"][side]["served_model"] for side in ("baseline", "candidate")]
    assert all(models)
    data = page[page.index('id="sheet"') :]
    for word in (*models, *rows, key.secret, verdict["suite"], "baseline", "candidate"):
        assert word not in data
    for word in (*models, key.secret, verdict["suite"]):
        assert word not in page
    assert stat.S_IMODE((run / "rate-key.json").stat().st_mode) == 0o600
    for item, showing in zip(sheet(run)["items"], key.showings, strict=True):
        row = rows[showing.sample]
        right = "baseline" if showing.left == "candidate" else "candidate"
        assert (item["prompt"], item["left"], item["right"]) == (
            row["input"],
            row[showing.left]["text"],
            row[right]["text"],
        )


def test_pairs_without_two_different_answers_are_not_shown(run):
    key = make(run, n=500)
    rows = samples(run)
    both = [(name, row["baseline"], row["candidate"]) for name, row in rows.items()]
    whole = {name: (b["text"], c["text"]) for name, b, c in both if b["status"] == c["status"] == "ok"}
    assert len(whole) < len(rows)
    equal = {name for name, texts in whole.items() if texts[0] == texts[1]}
    open_ = whole.keys() - equal
    assert equal
    assert {showing.sample for showing in key.showings} == open_
    assert key.alike == len(equal)


def test_the_same_request_writes_the_same_page_and_another_one_is_refused(run):
    make(run, n=40)
    first = (run / "rate.html").read_bytes()
    assert make(run, n=40).batch == sheet(run)["batch"]
    assert (run / "rate.html").read_bytes() == first
    told = refusal(make, run, n=20)
    assert "another rating page of this run (40 samples, metric exact)" in told
    assert "--anew" in told
    assert (run / "rate.html").read_bytes() == first
    make(run, n=40, is_anew=True)
    assert (run / "rate.html").read_bytes() != first


def test_ratings_come_back_into_the_report_and_leave_the_verdict_alone(run):
    key = make(run, n=40)
    before = json.loads((run / "verdict.json").read_text())
    found = take(run, send(run, key, "Anna", likes_right_answers(run)))
    after = json.loads((run / "verdict.json").read_text())
    assert after.pop("human") == found
    assert after == before
    rows, first = samples(run), [s.sample for s in key.showings if not s.is_repeat]
    flips = [rows[name]["flip"] for name in first]
    assert found["preference"]["wins"] == flips.count("fixed")
    assert found["preference"]["losses"] == flips.count("broken")
    assert found["rated"] == found["asked"] == len(first)
    assert found["metric"]["percent"] == found["metric"]["kappa"] == 1.0
    assert found["self_agreement"] == {"n": 4, "agreed": 4}
    assert found["warnings"] == []
    assert "without knowing the sides" in (run / "report.html").read_text()
    assert "without knowing the sides" in (run / "summary.md").read_text()


def test_the_net_preference_is_that_of_the_whole_run_when_everybody_is_asked(run):
    key = make(run, n=500)
    found = take(run, send(run, key, "Anna", likes_right_answers(run)))
    shown = {s.sample for s in key.showings}
    flips = [row["flip"] for name, row in samples(run).items() if name in shown]
    net = 100 * (flips.count("fixed") - flips.count("broken")) / (len(flips) + key.alike)
    assert found["preference"]["net_points"] == pytest.approx(net)


def test_labels_for_judges_are_worded_as_a_pairwise_judge_words_them(run):
    key = make(run, n=12)
    take(run, send(run, key, "Anna", "candidate"), send(run, key, "Bert", "both_bad"))
    rows = [json.loads(line) for line in (run / "human_labels.jsonl").read_text().splitlines()]
    assert len(rows) == 2 * sum(not s.is_repeat for s in key.showings)
    assert {(r["rater_id"], r["verdict"]) for r in rows} == {("Anna", "first"), ("Bert", "tie")}
    assert {(r["criterion"], r["role"]) for r in rows} == {("preference", "candidate")}
    weights = {s.name: s.size / s.drawn for s in key.strata}
    drawn = {s.sample: weights[s.stratum] for s in key.showings}
    assert all(r["weight"] == pytest.approx(drawn[r["item_id"]]) for r in rows)
    assert len(set(weights.values())) == 2
    spec = load_judge("helpful_pairwise", overrides=["model.backend=local", "model.model=smollm2-135m-instruct"])
    assert len(read_labels(run / "human_labels.jsonl", spec)) == len(rows)


def test_importing_again_changes_nothing_and_later_raters_are_added(run):
    key = make(run, n=40)
    anna, bert = send(run, key, "Anna", likes_right_answers(run)), send(run, key, "Bert", "same")
    take(run, anna)
    files = {path.name: path.read_bytes() for path in run.iterdir()}
    take(run, anna, anna)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == files
    found = take(run, bert)
    assert [rater["rater"] for rater in found["raters"]] == ["Anna", "Bert"]
    assert found["agreement"]["n"] == found["rated"]
    assert take(run, anna, bert) == found


def test_half_the_work_may_come_first_and_the_whole_later_in_any_order(run):
    key = make(run, n=40)
    half = send(run, key, "Anna", likes_right_answers(run), limit=15)
    assert take(run, half)["rated"] == len({s.sample for s in key.showings[:15]})
    half = half.rename(run.parent / "half.jsonl")
    whole = send(run, key, "Anna", likes_right_answers(run))
    assert take(run, whole)["rated"] == 40
    assert take(run, half)["rated"] == 40


def test_two_different_files_of_one_name_are_refused_until_one_is_to_replace_the_other(run):
    key = make(run, n=40)
    take(run, send(run, key, "Anna", likes_right_answers(run)))
    files = {path.name: path.read_bytes() for path in run.iterdir()}
    other = send(run, key, "anna", "same", browser="b2")
    told = refusal(take, run, other)
    assert "two people of one name" in told
    assert {path.name: path.read_bytes() for path in run.iterdir()} == files
    same_browser = send(run, key, "ANNA", "same")
    assert "taken back" in refusal(take, run, same_browser)
    assert take(run, same_browser, is_replacing=True)["preference"]["wins"] == 0


def test_a_file_of_another_page_run_or_sample_is_refused(run, tmp_path):
    key = make(run, n=40)
    told = refusal(take, run, send(run, key, "Anna", "same", limit=0))
    assert "holds no rating" in told
    stranger = tmp_path / "x.jsonl"
    stranger.write_bytes(download("cd" * 32, "Anna", [("i1", "left")]))
    assert "rated on another page" in refusal(take, run, stranger)
    stranger.write_bytes(download(key.batch, "Anna", [("i1", "left")]))
    assert "no comparison of this run's page" in refusal(take, run, stranger)
    stranger.write_bytes(download(key.batch, "Anna", [(key.showings[0].item, "left")] * 2))
    assert "more than once" in refusal(take, run, stranger)
    other = write_run(tmp_path / "reports" / "triage" / "r2")
    assert "rate-key.json is missing" in refusal(take, other, stranger)
    (other / "rate-key.json").write_bytes((run / "rate-key.json").read_bytes())
    assert "belongs to the run r1" in refusal(take, other, stranger)


def test_a_damaged_key_is_said_and_not_guessed_around(run):
    key = make(run, n=10)
    sent = send(run, key, "Anna", "same")
    document = json.loads((run / "rate-key.json").read_text())
    for broken in ({"schema": "x"}, {"showings": [{"item": 1}]}, {"secret": "zz"}, {"strata": 3}):
        (run / "rate-key.json").write_text(json.dumps(document | broken))
        with pytest.raises(ExecutionError, match="is damaged"):
            take(run, sent)
    (run / "rate-key.json").write_text("{")
    assert "cannot be read" in refusal(take, run, sent)


def test_careless_raters_are_found_and_named(run):
    key = make(run, n=40)
    lefty = run.parent / "Lefty.jsonl"
    lefty.write_bytes(download(key.batch, "Lefty", [(s.item, "left") for s in key.showings], ms=900))
    found = take(run, lefty, send(run, key, "Anna", likes_right_answers(run)))
    told = " ".join(found["warnings"])
    assert "Lefty took 0.9 s a pair" in told
    assert "Lefty gave the same answer every time (left, 44 times)" in told
    assert "Anna" not in told
    assert found["raters"][0]["self_agreement"] == {"n": 4, "agreed": 0}
    assert found["raters"][0]["position"]["share"] == 1.0
    assert "Lefty took 0.9 s a pair" in (run / "report.html").read_text()


def test_a_rater_who_almost_always_clicks_left_is_told_from_one_who_does_not(run):
    key = make(run, n=40)
    almost = [(s.item, "right" if i % 11 == 0 else "left") for i, s in enumerate(key.showings)]
    path = run.parent / "a.jsonl"
    path.write_bytes(download(key.batch, "Almost", almost))
    assert "chose the left answer 90.9 % of the time" in " ".join(take(run, path)["warnings"])
    fair = take(run, send(run, key, "Fair", "candidate"))
    assert [row["warnings"] for row in fair["raters"] if row["rater"] == "Fair"] == [[]]


def test_agreement_between_raters_and_with_the_metric_is_measured(run):
    key = make(run, n=40)
    right = likes_right_answers(run)
    found = take(run, send(run, key, "Anna", right), send(run, key, "Bert", right, browser="b2"))
    assert found["agreement"]["kappa"] == found["agreement"]["ac1"] == 1.0
    one = write_run(run.parent / "r2")
    alone = take(one, send(one, make(one, n=40), "Anna", right))
    assert alone["agreement"]["kappa"] is None
    assert "one rater" in alone["agreement"]["note"]


def test_notes_come_through_inert(run):
    key = make(run, n=12)
    found = take(run, send(run, key, "<b>A</b>", "candidate", note="<img src=x onerror=alert(1)>"))
    assert found["notes"][0]["note"].startswith("<img")
    assert found["notes"][0]["prefers"] == "candidate"
    report = (run / "report.html").read_text()
    assert "&lt;img src=x" in report
    assert "<img" not in report
    assert "<b>A</b>" not in report + (run / "summary.md").read_text()


def test_label_studio_goes_out_and_comes_back(run):
    key = make(run, n=12, is_for_label_studio=True)
    assert not (run / "rate.html").exists()
    tasks = json.loads((run / "label-studio-tasks.json").read_text())
    result = [{"type": "pairwise", "value": {"selected": "left"}}]
    rows = [task | {"annotations": [{"completed_by": 3, "lead_time": 8.0, "result": result}]} for task in tasks]
    export = run.parent / "project-1.json"
    export.write_text(json.dumps(rows[:6]))
    assert take(run, export)["rated"] == 6
    export.write_text(json.dumps(rows))
    found = take(run, export)
    assert found["rated"] == sum(not s.is_repeat for s in key.showings)
    assert found["raters"][0]["choices"]["left"] == len(tasks)
    assert take(run, export) == found


def test_what_cannot_be_asked_is_a_usage_error(run, tmp_path):
    assert "this run measured exact" in refusal(make, run, metric="tone")
    assert "--n takes" in refusal(make, run, n=0)
    (tmp_path / "empty.md").write_text(" \n")
    assert "1 to 20,000 characters" in refusal(make, run, rubric=tmp_path / "empty.md")
    assert "cannot be read" in refusal(make, run, rubric=tmp_path / "none.md")
    same = write_run(tmp_path / "reports" / "triage" / "r3", "invalid")
    assert "pairs of answers are equal" in refusal(make, same)


def test_hostile_answers_are_data_and_the_rubric_is_text(run, tmp_path):
    def poison(rows):
        rows[0]["candidate"]["text"] = "</script><script>alert(1)</script><!-- \u202e\x00"
        rows[1]["candidate"]["text"] = "x" * 200_000

    evil = write_run(tmp_path / "reports" / "triage" / "r4", change=poison)
    rubric = tmp_path / "rubric.md"
    rubric.write_text("<script>alert(2)</script>\u202e")
    make(evil, n=500, rubric=rubric)
    page = (evil / "rate.html").read_text()
    assert page.count("<script") == 2
    assert "&lt;script&gt;alert(2)" in page
    assert "\u202e" not in page
    shown = [text for item in sheet(evil)["items"] for text in (item["left"], item["right"])]
    assert any("</script><script>alert(1)" in text and "‹U+202E›" in text for text in shown)
    assert max(map(len, shown)) < 65_000


def test_the_command_line_takes_a_run_or_the_word_import(run, capsys):
    assert execute(["rate", "reports/triage/r1", "--n", "12", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["samples"], made["repeats"]) == (12, 1)
    assert "secret" not in json.dumps(made)
    key = make(run, n=12)
    sent = send(run, key, "Anna", "candidate")
    assert execute(["rate", "import", str(sent), "--run", "r1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["preference"]["wins"] == 12
    assert execute(["rate", "import", str(sent), "--run", "r1"]) == 0
    assert "candidate better on 12" in capsys.readouterr().out
    assert execute(["rate"]) == 2
    assert "RUN" in capsys.readouterr().err


def test_a_page_asked_for_by_a_plain_request_names_the_run(run):
    made = make_page("r1", run.parents[1], Asked(n=5))
    assert made.document()["run"] == "r1"
    assert made.written == (run / "rate.html",)
