"""What the gate is told of a judge: people's grades of the very answers compared, with what each stands for."""

from pathlib import Path

from judge_bench import PAIR, spec_of

from evalkit.jobs.judging.instruments import instruments_of
from evalkit.jobs.judging.records import Known
from evalkit.judging.calibration_file import Kept
from evalkit.judging.items import Showing, item_id
from evalkit.judging.metric import JudgeMetric
from evalkit.judging.tally import Tally
from evalkit.types import GateSpec, ModelSpec, PrimarySpec, Response, Sample, Suite

TEXTS = {("baseline", "s1"): "red", ("candidate", "s1"): "blue", ("baseline", "s2"): "one", ("candidate", "s2"): "one"}


def suite_in(folder: Path) -> Suite:
    return Suite(
        name="colours",
        path=folder / "suite.yaml",
        root=folder,
        samples=(Sample(id="s1", fields={}), Sample(id="s2", fields={})),
        dataset_path=folder / "samples.jsonl",
        dataset_sha256="0" * 64,
        is_locked=False,
        models={
            role: ModelSpec(role=role, backend="openai_compatible", model=role) for role in ("baseline", "candidate")
        },
        metrics=(),
        gate=GateSpec(primary=PrimarySpec(metric="graded")),
    )


def instrument(folder: Path, own, **judge):
    spec = spec_of(folder, **judge)
    metric = JudgeMetric(name="graded", showing=Showing(spec=spec, columns={}))
    kept = Kept(judge_hash=spec.judge_hash, at="", problems=(), confusion={}, own=own)
    known = Known(state="calibrated", told="", kept=kept)
    outcomes = {key: [Response(text=text, finish="stop")] for key, text in TEXTS.items()}
    made = instruments_of([(metric, Tally(spec=spec), known)], suite_in(folder), lambda _: outcomes, {})
    return made["baseline"]["graded"]


def test_labels_of_both_answers_come_with_how_many_samples_they_stand_for(tmp_path):
    own = {
        "baseline": {item_id("s1", "red"): (1.0, 1.0), item_id("s2", "one"): (1.0, 1.0)},
        "candidate": {item_id("s1", "blue"): (0.25, 2.5), item_id("s2", "another answer"): (1.0, 1.0)},
    }
    assert instrument(tmp_path, own).own == {"s1": (1.0, 0.25, 2.5)}


def test_a_label_of_a_pair_is_turned_for_the_baseline(tmp_path):
    own = {"candidate": {item_id("s1", "blue", "red"): (1.0, 4.0)}}
    found = instrument(tmp_path, own, **PAIR)
    assert (found.own, found.alike) == ({"s1": (0.0, 1.0, 4.0)}, frozenset({"s2"}))
