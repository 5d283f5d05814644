"""hf:// addresses: a split in the cache of this machine is read, all else is told with the command that mends it."""

import json
import sys

import pytest

from evalkit.errors import UsageError
from evalkit.suites.data import why_unreadable
from evalkit.suites.files import Tree
from evalkit.suites.hub import dataset_file
from evalkit.suites.load import load_suite
from evalkit.suites.locking import lock
from evalkit.suites.paths import Refused

constants = pytest.importorskip("huggingface_hub.constants")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
ROWS = "".join(json.dumps({"q": f"What is {n}?", "a": str(n)}) + "\n" for n in range(40))


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """Makes files of a dataset lie in the cache as `hf download` leaves them: links to blobs named by their hash."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    home = tmp_path / "cache" / "datasets--org--tickets"

    def make(*names):
        for n, name in enumerate(names):
            blob, place = home / "blobs" / f"{n:040d}", home / "snapshots" / COMMIT / name
            blob.parent.mkdir(parents=True, exist_ok=True)
            blob.write_text(ROWS)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(blob)
        (home / "refs").mkdir(exist_ok=True)
        (home / "refs" / "main").write_text(COMMIT)
        (home / "refs" / "refs" / "pr").mkdir(parents=True, exist_ok=True)
        (home / "refs" / "refs" / "pr" / "1").write_text(COMMIT)
        return home

    return make


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "suite"
    folder.mkdir()
    return Tree(folder=folder, root=folder, shown="suite")


def named(address, tree):
    found = dataset_file(address, tree)
    assert not isinstance(found, Refused), found
    return tree.elsewhere[found]


def refused(address, tree):
    found = dataset_file(address, tree)
    assert isinstance(found, Refused), found
    return f"{found.why} | {found.help}"


def test_a_suite_runs_on_a_split_of_the_hub_and_can_be_locked(cached, tree):
    cached("README.md", "data/train-00000-of-00001.jsonl", "data/test-00000-of-00001.jsonl")
    suite = tree.folder / "suite.yaml"
    suite.write_text(
        "version: 1\nname: x\ndataset:\n"
        f"  path: hf://org/tickets@{COMMIT}?split=test\n  prompt: '{{{{ q }}}}'\n  target: a\n"
        "models:\n  baseline: {backend: openai, model: a}\n  candidate: {backend: openai, model: b}\n"
        "metrics: [{name: exact, type: exact_match}]\ngate: {primary: {metric: exact}}\n"
    )
    result = lock(suite)
    assert result.is_changed
    assert result.n_rows == 40
    loaded = load_suite(suite)
    assert len(loaded.samples) == 40
    place = f"hf://org/tickets@{COMMIT}/data/test-00000-of-00001.jsonl"
    assert loaded.digests[place] == result.sha256
    (cached("data/other.jsonl") / "blobs" / f"{2:040d}").write_text(ROWS + ROWS.replace("What", "Which"))
    with pytest.raises(UsageError, match="DATA_CHANGED"):
        load_suite(suite)


@pytest.mark.parametrize(
    ("files", "query", "found"),
    [
        (["test.csv", "train.csv"], "@main?split=test", "@main/test.csv"),
        (["test.csv", "train.csv"], "?split=train", "/train.csv"),
        (["data/validation.jsonl", "data/test.jsonl"], "?split=dev", "/data/validation.jsonl"),
        (["data/eval_2.jsonl", "latest.jsonl"], "?split=test", "/data/eval_2.jsonl"),
        (["pre-train/heldout.jsonl", "train/part.jsonl"], "?split=train", "/train/part.jsonl"),
        (["tickets_test.jsonl", "a.jsonl"], "@refs/pr/1?split=test", "@refs/pr/1/tickets_test.jsonl"),
        (["test-00000-of-00001.jsonl"], "?split=test", "/test-00000-of-00001.jsonl"),
        (["test-00000-of-00002.jsonl"], "?file=test-00000-of-00002.jsonl", "/test-00000-of-00002.jsonl"),
        (["en/test.jsonl", "de/test.jsonl"], "?split=test&config=de", "/de/test.jsonl"),
        (["a/test-1.parquet", "a/test-2.parquet"], "?file=a/test-2.parquet", "/a/test-2.parquet"),
        (["only.jsonl.gz", "README.md"], "", "/only.jsonl.gz"),
    ],
)
def test_a_split_is_told_from_its_name(cached, tree, files, query, found):
    cached(*files)
    assert named(f"hf://org/tickets{query}", tree) == f"hf://org/tickets{found}"


@pytest.mark.parametrize(
    ("files", "query", "says"),
    [
        (["test-1.jsonl", "test-2.jsonl"], "?split=test", "split 'test': 2 of the dataset's files; one is wanted"),
        (["test-1.jsonl", "test-2.jsonl"], "?split=test", "name it: &file=PATH, of test-1.jsonl, test-2.jsonl"),
        (["latest.jsonl", "contest.jsonl"], "?split=test", "split 'test': none of the dataset's files"),
        (["test.py", "README.md"], "?split=test", "it holds no data files"),
        (["test.jsonl"], "?file=../../../secret.jsonl", "has no data file '../../../secret.jsonl'"),
        (["test.jsonl"], "?spilt=test", "'spilt' is none of split, config, file"),
        (["test.jsonl"], "?split=", "'split' is none of"),
        (["test.jsonl"], "?split=a&split=b", "no address of a dataset"),
        (["test.jsonl"], "@other?split=test", "org/tickets at other is not on this machine"),
        (["test.jsonl"], "@other?split=test", "hf download org/tickets --repo-type dataset --revision other"),
        (["test.jsonl"], "/x/y", "no address of a dataset"),
        (["test-00000-of-00002.jsonl"], "?split=test", "of the 2 files of that split only test-00000-of"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_told(cached, tree, files, query, says):
    cached(*files)
    assert says in refused(f"hf://org/tickets{query}", tree)


def test_a_name_the_hub_does_not_give_is_not_on_this_machine(cached, tree):
    assert "is not on this machine" in refused("hf://org--x/..", tree)


def test_without_the_extra_it_says_so(tree, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "evalkit-gate[hub]" in refused("hf://org/tickets?split=test", tree)


def test_examples_do_not_come_from_the_hub():
    assert why_unreadable("hf://org/tickets") == (
        "of the Hugging Face hub only dataset.path takes data",
        "copy the file into the suite's folder",
    )


@pytest.mark.parametrize(
    "revision", ["{folder}/ref.txt", "../../../../suite/ref.txt", "a/../../x", ".", "..", "", "a//b"]
)
def test_a_revision_leads_nowhere_else(cached, tree, revision):
    """The cache joins a revision, and what the file of that name says, to its own folder as they are."""
    cached("test.jsonl")
    private = tree.folder.parent / "private"
    private.mkdir()
    (private / "notes.jsonl").write_text(ROWS)
    (tree.folder / "ref.txt").write_text(str(private))
    said = refused(f"hf://org/tickets@{revision.format(folder=tree.folder)}?file=notes.jsonl", tree)
    assert "no address of a dataset" in said


def test_what_the_cache_says_of_a_revision_leads_nowhere_else(cached, tree):
    private = tree.folder.parent / "private"
    private.mkdir()
    (private / "notes.jsonl").write_text(ROWS)
    (cached("test.jsonl") / "refs" / "main").write_text(str(private))
    assert "is not on this machine" in refused("hf://org/tickets@main?file=notes.jsonl", tree)
