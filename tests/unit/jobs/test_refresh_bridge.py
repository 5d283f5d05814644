"""One model on two versions of the data: the step the data make, its error, and whether the model stayed the same."""

import json

import pytest
from bench import scripted
from history_folder import NEW, OLD, SUITE, Reports, model
from refresh_desk import Shop

from evalkit.cli.app import execute
from evalkit.errors import UsageError
from evalkit.jobs.refresh.bridging import bridge
from evalkit.jobs.refresh.desk import Desk
from evalkit.jobs.refresh.people import approve
from evalkit.jobs.refresh.release import release, retire
from evalkit.jobs.running.run import RunOptions, run
from evalkit.run.progress import Progress

DATE = "2026-11-23"
SHARED = [f"s{i}" for i in range(40)]


class Place:
    """A refresh that was released, and the folder of runs beside it."""

    def __init__(self, folder):
        self.reports = Reports(folder)
        self.desk = Desk(folder / "refresh" / DATE)
        version = folder / "suite/versions/1.1.0"
        version.mkdir(parents=True)
        self.linking = version / "linking.json"
        self.linking.write_text(json.dumps({"anchors": SHARED}))
        planned = {"suite": "suite/suite.yaml", "suite_name": SUITE, "data_sha256": OLD}
        rest = {"logs": [], "since_days": None, "quota": {}, "approvals": 1}
        self.desk.write_document("plan.json", planned | rest)
        released = {"before": "1.0.0", "version": "1.1.0", "suite": str(version / "suite.yaml"), "data_sha256": NEW}
        self.desk.write_document("release.json", released | {"anchors": len(SHARED)})

    def run(self, day, scores, **more):
        """A run whose sides score alike: sample → score, None for unscored."""
        place = self.reports.add(day, **more)
        rows = [{"id": name, "scores": {"exact": dict.fromkeys(("baseline", "candidate"), score)}}
                for name, score in scores.items()]  # fmt: skip
        (place / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def told(self):
        return bridge(self.desk, self.reports.folder.parent)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / ".evalkit"))
    return Place(tmp_path)


def right(names, n):
    return {name: float(i < n) for i, name in enumerate(names)}


def test_without_runs_it_says_which_to_make(place):
    document = place.told()
    assert (document["models"], document["text"].count("evalkit run ")) == ([], 2)
    assert f"evalkit refresh bridge --date {DATE} --dir {place.desk.folder.parent}\n" in document["text"]
    assert document["missing"] == [
        "evalkit run suite/suite.yaml",
        f"evalkit run {place.linking.with_name('suite.yaml')}",
    ]
    assert "no model answered both" not in document["text"]
    place.run(1, right(SHARED, 30))
    document = place.told()
    assert (document["models"], document["text"].count("evalkit run ")) == ([], 1)
    assert f"evalkit run {place.linking.parent / 'suite.yaml'}\n" in document["text"]


def test_the_step_has_its_error_and_the_anchors_say_that_it_is_the_datas(place):
    place.run(1, right(SHARED, 30) | {"gone": 1.0})
    place.run(2, right(SHARED, 29) | {"new": 0.0, "unread": None}, data=NEW, levels=(62.0, 74.0))
    document = place.told()
    champion, baseline = document["models"]
    assert (champion["new"]["side"], baseline["new"]["side"]) == ("candidate", "baseline")
    assert champion["offset_points"] == -6.0
    low, high = champion["offset_ci95_points"]
    assert champion["offset_se_points"] == pytest.approx((high - low) / 3.92, abs=0.01)
    # One of 40 answers fell: the mean of the differences is -2.5, its error the same.
    assert champion["anchors"] == {"n": 40, "moved_points": -2.5, "se_points": 2.5, "agree": True}
    text = (place.desk.folder / "bridge.md").read_text()
    assert text == document["text"]
    assert "the step is −6.0 points, standard error 2.6, 95 % interval [−11.0, −1.0]." in text
    assert text.count("nothing shows that it changed, so the step is taken for the data's.") == 2


def test_a_model_that_moved_on_the_anchors_is_no_bridge(place):
    place.run(1, right(SHARED, 30))
    place.run(2, right(SHARED, 20) | {"new": 1.0}, data=NEW, levels=(62.0, 74.0))
    document = place.told()
    assert document["models"][0]["anchors"]["moved_points"] == -25.0
    assert not document["models"][0]["anchors"]["agree"]
    assert document["text"].count("the step is NOT the data's alone") == 2
    assert "the step is taken for the data's" not in document["text"]


def test_anchors_between_which_a_changed_model_could_hide_say_nothing(place):
    place.linking.write_text(json.dumps({"anchors": ["s0", "s1"]}))
    place.run(1, {"s0": 1.0, "s1": 0.0})
    place.run(2, {"s0": 0.0, "s1": 1.0}, data=NEW)
    text = place.told()["text"]
    assert text.count("these are too few to tell whether it changed, so whether the step is the data's is open.") == 2
    assert "nothing shows" not in text


def test_samples_the_suite_labelled_anew_are_no_anchors(place):
    place.linking.write_text(json.dumps({"anchors": ["s0"]}))
    place.run(1, right(SHARED, 30))
    place.run(2, right(SHARED, 20), data=NEW)
    document = place.told()
    assert document["models"][0]["anchors"] is None
    assert "Too few samples were scored in both runs" in document["text"]


@pytest.mark.parametrize(
    "other",
    [
        {"adapter": "2" * 64, "identity": {}, "document": {"reasons": [{"code": "LIMITED"}]}},
        {"data": "c" * 64},
    ],
)
def test_a_part_of_the_samples_or_another_version_joins_nothing(place, other):
    place.run(1, right(SHARED, 30))
    place.run(2, right(SHARED, 30), **({"data": NEW} | other))
    assert place.told()["models"] == []


def test_runs_of_other_models_on_both_versions_are_told_as_that(place):
    other = {side: model(None) | {"weights_sha256": "9" * 64} for side in ("baseline", "candidate")}
    place.run(1, right(SHARED, 30))
    place.run(2, right(SHARED, 30), data=NEW, document={"identity": other})
    told = place.told()
    assert (told["models"], len(told["missing"])) == ([], 2)
    assert "Runs of both versions are there, but no model answered both" in told["text"]


def test_another_candidate_is_no_bridge_and_the_same_baseline_is(place):
    place.run(1, right(SHARED, 30))
    place.run(2, right(SHARED, 30), data=NEW, adapter="2" * 64)
    assert [one["new"]["side"] for one in place.told()["models"]] == ["baseline"]


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_without_the_list_of_anchors_nothing_is_said(place, content):
    place.linking.unlink()
    if content is not None:
        place.linking.write_text(content)
    with pytest.raises(UsageError, match=r"linking\.json is missing or damaged"):
        place.told()


def test_on_the_command_line(place, capsys):
    place.run(1, right(SHARED, 30))
    place.run(2, right(SHARED, 30), data=NEW)
    assert execute(["refresh", "bridge", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"][0]["anchors"]["agree"] is True
    assert execute(["refresh", "bridge", "--reports", "elsewhere"]) == 0
    assert "evalkit refresh bridge" in capsys.readouterr().out


def test_real_runs_on_a_version_and_the_next_are_joined(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    monkeypatch.setenv("EVALKIT_HOME", str(bench.folder / ".evalkit"))
    shop = Shop(bench)
    with scripted(40, 70) as server:
        document = json.loads(shop.suite.read_text())
        for side in document["models"].values():
            side["base_url"] = server.base_url
        shop.suite.write_text(json.dumps(document))
        with shop.desk() as desk:
            shop.to_approval(desk)
            retire(desk, ["s0"], "obsolete", None)  # the first sample: a report shows it as the example of a prompt
            approve(desk, "Cleo", "a test")
            new = shop.folder / release(desk, "minor")["suite"]
            run(RunOptions(suite_path=shop.suite, command="evalkit run"), Progress())
            assert bridge(desk, shop.folder / "reports")["text"].count("evalkit run ") == 1
            run(RunOptions(suite_path=new, command="evalkit run"), Progress())
            told = bridge(desk, shop.folder / "reports")
    assert [one["new"]["side"] for one in told["models"]] == ["candidate", "baseline"]
    for one in told["models"]:
        # A server that answers alike every time: not one anchor moves, whatever the step.
        assert one["anchors"] == {"n": 119, "moved_points": 0.0, "se_points": 0.0, "agree": True}
        assert one["offset_points"] != 0.0
