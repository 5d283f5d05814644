"""The samples that two versions share: is a model still itself, and what the step is where none ran on both."""

import json

import pytest
from history_folder import NEW, SUITE, Reports

from evalkit.cli.app import execute
from evalkit.jobs.history import history

SHARED, GONE, ADDED = ([f"{kind}{i}" for i in range(40)] for kind in ("both", "old", "new"))


@pytest.fixture
def reports(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    return Reports(tmp_path)


def scores(names, right):
    """Of each forty samples so many are right."""
    return {name: float(int(name.lstrip("bothldnew")) < right[name.rstrip("0123456789")]) for name in names}


def side_scores(names, *rights):
    return {side: scores(names, right) for side, right in zip(("baseline", "candidate"), rights, strict=True)}


OLD_SCORES = side_scores(SHARED + GONE, {"both": 20, "old": 20}, {"both": 30, "old": 30})
NEW_SCORES = side_scores(SHARED + ADDED, {"both": 28, "new": 20}, {"both": 36, "new": 30})


def two_versions(reports, **more):
    """No model ran on both versions: another base model in between."""
    other = {"generation": {"temperature": 1}}
    reports.add(1, scores=OLD_SCORES, levels=(50.0, 75.0))
    levels = more.pop("levels", (60.0, 82.5))
    reports.add(2, data=NEW, scores=more.pop("scores", NEW_SCORES), levels=levels, **(other | more))
    return history(SUITE, reports.folder.parent)["lines"][0]


def test_without_a_bridge_the_anchors_tell_the_step(reports, capsys):
    line = two_versions(reports)
    assert line["bridges"] == []
    told = {one["side"]: one for one in line["equated"]}
    # The baseline has 70 of 100 on the anchors and 50 on the new ones: 60 in all, 10 below its anchors.
    assert (told["baseline"]["offset_points"], told["candidate"]["offset_points"]) == (-10.0, -7.5)
    assert (told["baseline"]["old"], told["baseline"]["new"], told["baseline"]["n_anchors"]) == ("run-01", "run-02", 40)
    low, high = told["baseline"]["offset_ci95_points"]
    assert low < -10.0 < high
    assert execute(["history", SUITE, "--html", "history.html"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    page = (reports.folder.parents[1] / "history.html").read_text()
    assert "equated by anchors: no model was asked on both versions; by the 40 samples that both hold" in shown
    assert "Equated by anchors: no model was asked on both versions" in page
    assert "no verdict rests on it" in shown
    assert "no verdict rests on it" in page


@pytest.mark.parametrize(
    "other",
    [
        {"metric": {"normalize": ["casefold"]}},
        {"document": {"reasons": [{"code": "LIMITED"}]}},
        {"scores": NEW_SCORES | {"asked": lambda name: f"asks otherwise {name}"}},
        {"levels": (58.0, 80.0)},
    ],
    ids=["metric", "limited", "asked otherwise", "no mean of the scores"],
)
def test_what_cannot_be_compared_equates_nothing(reports, other):
    assert two_versions(reports, **other)["equated"] == []


def test_a_sample_whose_label_was_mended_is_no_anchor(reports):
    two_versions(reports)
    path = reports.folder / "run-02/samples.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0]["target"] = "mended"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (line,) = history(SUITE, reports.folder.parent)["lines"]
    assert {one["n_anchors"] for one in line["equated"]} == {39}


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_samples_that_cannot_be_read_say_nothing(reports, damage):
    two_versions(reports)
    path = reports.folder / "run-01/samples.jsonl"
    path.unlink() if damage == "gone" else path.write_text(path.read_text()[:-9])
    (line,) = history(SUITE, reports.folder.parent)["lines"]
    assert line["equated"] == []


def test_a_bridge_says_whether_its_model_is_still_itself(reports, capsys):
    reports.add(1, scores=OLD_SCORES)
    reports.add(2, data=NEW, scores=NEW_SCORES | {"baseline": scores(SHARED + ADDED, {"both": 20, "new": 9})})
    (line,) = history(SUITE, reports.folder.parent)["lines"]
    held = {bridge["new"]["side"]: bridge["anchors"] for bridge in line["bridges"]}
    assert (held["baseline"]["n"], held["baseline"]["moved_points"], held["baseline"]["agree"]) == (40, 0.0, True)
    assert (held["candidate"]["moved_points"], held["candidate"]["agree"]) == (15.0, False)
    assert line["equated"] == []
    assert execute(["history", SUITE, "--html", "history.html"]) == 0
    for shown in (capsys.readouterr().out, (reports.folder.parents[1] / "history.html").read_text()):
        shown = " ".join(shown.split())  # noqa: PLW2901 - lines are broken where the page is
        assert "two standard errors: nothing shows that it changed" in shown
        assert "the model behind the name or a judge has changed, and the step is not the" in shown


def test_two_anchors_that_contradict_each_other_are_too_few_to_tell(reports):
    pair = [{"s0": 1.0, "s1": 0.0}, {"s0": 0.0, "s1": 1.0}]
    reports.add(1, scores=dict.fromkeys(("baseline", "candidate"), pair[0]))
    reports.add(2, data=NEW, scores=dict.fromkeys(("baseline", "candidate"), pair[1]))
    (line,) = history(SUITE, reports.folder.parent)["lines"]
    (held, _) = (bridge["anchors"] for bridge in line["bridges"])
    assert (held["n"], held["se_points"], held["agree"]) == (2, 100.0, True)
    assert held["sentence"].endswith("these are too few to tell whether it changed")
