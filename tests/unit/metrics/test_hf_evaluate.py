"""Metrics of the package `evaluate`, with scripts of the kind it loads."""

import pytest

from evalkit.errors import UsageError
from evalkit.metrics.registry import build
from evalkit.types import MetricSpec, Sample, Scored, Unscored

evaluate = pytest.importorskip("evaluate")
pytestmark = pytest.mark.filterwarnings("ignore")  # of evaluate's own dependencies
SCRIPT = """\
import datasets
import evaluate


class {name}(evaluate.Metric):
    def _info(self):
        features = datasets.Features({{"predictions": {takes}, "references": {right}}})
        return evaluate.MetricInfo(description="d", citation="c", features=features)

    def _compute(self, predictions, references, **options):
        {body}
"""
TEXT, TEXTS = 'datasets.Value("string")', 'datasets.Sequence(datasets.Value("string"))'
OVERLAP = """\
shared = [len(set(p.split()) & set(r.split())) / max(1, len(set(r.split()))) for p, r in zip(predictions, references)]
        return {"overlap": 100 * sum(shared) / len(shared), "each": [shared[0]]}
"""


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    """Where evaluate copies scripts to; one for the process, since it is imported as a package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate.config, "HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))
        yield


def script(folder, name, body, takes=TEXT, right=TEXT):
    path = folder / f"{name}.py"
    path.write_text(SCRIPT.format(name=name.title().replace("_", ""), body=body, takes=takes, right=right))
    return str(path)


def made(metric, **options):
    return build(MetricSpec(name="m", type="hf_evaluate", options={"metric": metric, **options}, line=9), ())


def test_a_name_runs_no_script_that_lies_in_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "bleu").mkdir()
    script(tmp_path / "bleu", "bleu", OVERLAP)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="holds a script of that name, which would be run"):
        made("bleu", key="bleu")


def sample(target):
    return Sample(id="s", fields={}, target=target)


def test_a_local_script_scores_each_answer_on_its_declared_scale(tmp_path):
    metric = made(script(tmp_path, "overlap_words", OVERLAP), key="overlap", scale=100)
    assert metric.score("a b x y", sample("a b c d")) == Scored(metric="m", value=0.5)
    assert metric.score("a b", sample(["q", "a b"])).value == 1.0
    assert metric.score("a b", sample(None)) == Unscored(metric="m", why="no_target")
    assert not metric.score("", sample("a")).is_answered
    assert metric.signature == "evaluate:overlap_words|key:overlap|each"
    assert made(script(tmp_path, "overlap_words", OVERLAP), key="each").score("a", sample("a b")).value == 0.5


def test_a_value_outside_the_scale_and_a_key_that_is_not_there_are_told(tmp_path):
    path = script(tmp_path, "overlap_more", OVERLAP)
    with pytest.raises(ValueError, match="it gave 50, which is not within 0 and 1; see `scale`"):
        made(path, key="overlap").score("a", sample("a b"))
    with pytest.raises(ValueError, match="it gives overlap, each, and no number under 'f1'"):
        made(path, key="f1").score("a", sample("a b"))


def test_numbers_lists_of_references_and_arguments(tmp_path):
    same = 'return {"acc": sum(p == r for p, r in zip(predictions, references)) / options.get("n", 1)}'
    number = 'datasets.Value("int32")'
    metric = made(script(tmp_path, "same_number", same, number, number), key="acc", kwargs={"n": 2})
    assert metric.score(" 7 ", sample("7")).value == 0.5
    assert metric.score("seven", sample("7")) == Scored(metric="m", value=0.0, is_answered=False)
    anyof = 'return {"hit": float(predictions[0] in references[0])}'
    assert made(script(tmp_path, "any_of", anyof, TEXT, TEXTS), key="hit").score("b", sample(["a", "b"])).value == 1.0


@pytest.mark.parametrize(
    ("metric", "options", "message"),
    [
        ("rouge", {"key": "rougeL"}, "the script of 'rouge' would be downloaded, which evalkit does not do"),
        ("perplexity", {"key": "x"}, "perplexity weighs how likely a text is to another model"),
        ("", {"key": "x"}, "metric 'm', metric: a metric's name"),
        ("rouge", {}, "metric 'm', key: which value"),
        ("rouge", {"key": "x", "kwargs": [1]}, "metric 'm', kwargs: a mapping"),
    ],
)
def test_what_cannot_be_used_is_refused_at_its_entry(metric, options, message):
    with pytest.raises(UsageError) as caught:
        made(metric, **options)
    assert message in str(caught.value)
    assert caught.value.diagnostics[0].line == 9


def test_nobody_is_asked_for_a_script(monkeypatch):
    asked = []
    monkeypatch.setattr("socket.getaddrinfo", lambda *where, **_: asked.append(where) or [])
    monkeypatch.setattr(evaluate.config, "HF_EVALUATE_OFFLINE", False)
    with pytest.raises(UsageError, match="would be downloaded"):
        made("squad_v2", key="f1")
    assert asked == []


def test_a_script_that_fails_is_named_and_a_missing_package_too(tmp_path, monkeypatch):
    path = tmp_path / "broken.py"
    path.write_text("raise RuntimeError('no\\nway')")
    with pytest.raises(UsageError, match="its script failed with RuntimeError: no way"):
        made(str(path), key="x")
    monkeypatch.setitem(__import__("sys").modules, "evaluate", None)
    with pytest.raises(UsageError, match=r"(?s)needs the package evaluate.*evalkit-gate\[evaluate\]"):
        made(str(path), key="x")


def test_a_suite_names_a_script_of_its_tree_and_none_outside(folder):
    script(folder.path, "overlap_here", OVERLAP)
    entry = "  - {{name: over, type: hf_evaluate, metric: {}, key: overlap, scale: 100}}\ngate:"
    folder.edit("gate:", entry.format("./overlap_here.py"))
    suite = folder.load()
    assert suite.metrics[-1].options["metric"] == str(folder.path / "overlap_here.py")
    assert any(name.endswith("overlap_here.py") for name in suite.digests)
    folder.edit("./overlap_here.py", "../../elsewhere.py")
    with pytest.raises(UsageError, match="leads outside"):
        folder.load()
