"""However a suite spells a path, nothing outside its tree is opened, and nothing that would block is read."""

import json
import os
import socket
from pathlib import Path

import pytest
from suite_folder import CORPORA
from watch import watching

from evalkit.errors import UsageError
from evalkit.suites.files import Tree
from evalkit.suites.paths import Refused, inside

ROW = '{"ticket_id": "1", "text": "x", "label": {"intent": "a"}, "lang": "en"}\n'
FORMS = [json.loads(line) for line in (CORPORA / "paths.jsonl").read_text(encoding="utf-8").splitlines()]
PLACES = {
    "dataset.path": "dataset.path",
    "dataset.prompt": "dataset.prompt",
    "dataset.system": "dataset.system",
    "dataset.fewshot.path": "dataset.fewshot.path",
    "generation.response_schema": "generation.response_schema",
    "metric.schema": "metrics.1.schema",
    "guard.suite": "gate.guards.0.suite",
    "training_data": "checks.training_data",
    "outputs.path": "models.candidate.path",
}
FOLDERS = {"prompts", "prompts/"}
OPENING = ("open", "os.listdir", "os.scandir", "socket.connect", "subprocess.Popen", "os.system")
FILES = {"open", "os.listdir", "os.scandir"}


@pytest.fixture
def traps(folder):
    """Everything around the tree that must never be opened."""
    (folder.path.parent / "outside.jsonl").write_text(ROW)
    links = {
        "link-out.jsonl": "../outside.jsonl",
        "link-absolute.jsonl": folder.path.parent / "outside.jsonl",
        "link-to-link.jsonl": "link-out.jsonl",
        "link-folder": "..",
        "link-loop.jsonl": "link-loop.jsonl",
        "link-proc.jsonl": "/proc/self/environ",
        "link-device.jsonl": "/dev/zero",
        "link-fifo.jsonl": "fifo.jsonl",
    }
    for name, target in links.items():
        (folder.path / name).symlink_to(target)
    os.mkfifo(folder.path / "fifo.jsonl")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.jsonl")
    return folder


def options(place, path):
    value = json.dumps([path] if place == "training_data" else path)
    more = {"dataset.fewshot.path": ["dataset.fewshot.k=1"], "outputs.path": ["models.candidate.backend=outputs"]}
    return [f"{PLACES[place]}={value}", *more.get(place, [])]


def strangers(watch, tree):
    """What was opened outside the tree."""
    return [
        (event, name)
        for event, name in watch.seen
        if event not in FILES or not Path(os.fsdecode(name)).resolve().is_relative_to(tree)
    ]


def test_there_are_at_least_sixty_forms():
    assert len(FORMS) >= 60


@pytest.mark.parametrize("place", PLACES)
def test_no_form_opens_a_file_outside_the_tree(traps, place):
    def is_refused(path):
        try:
            traps.load(overrides=options(place, path))
        except UsageError:
            return True
        return False

    refused = []
    for path in FORMS:
        is_refused(path)  # a library is loaded, and reads what it wants of this machine, when it is first needed
        with watching(*OPENING) as watch:
            refused += [path] * is_refused(path)
        assert strangers(watch, traps.path) == [], path
    assert len(refused) >= 60 or place in {"dataset.prompt", "dataset.system"}  # what is no path is a prompt's own text


@pytest.mark.parametrize("path", [path for path in FORMS if path not in FOLDERS], ids=lambda path: ascii(path)[:40])
def test_a_form_is_refused_or_names_nothing(traps, path):
    found = inside(path, traps.path, traps.path)
    assert isinstance(found, Refused) or found.is_relative_to(traps.path)
    refused = Tree(folder=traps.path, root=traps.path, shown="").file(path)
    assert isinstance(refused, Refused)
    assert refused.why


def test_the_witness_sees_what_is_opened(folder):
    folder.load()
    with watching(*OPENING) as watch:
        folder.load()
    opened = {Path(name).name for name in watch.names("open")}
    assert opened >= {"suite.yaml", "samples.jsonl", "schema.json", "triage.md.j2"}
    with watching(*OPENING) as watch, Path("/dev/null").open("rb"):
        pass
    assert strangers(watch, folder.path) == [("open", "/dev/null")]


@pytest.mark.parametrize("name", ["suite.yaml", "samples.jsonl", "schema.json", "prompts/triage.md.j2"])
@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "socket", "loop"])
def test_what_is_no_file_is_told_and_never_waited_for(folder, name, kind):
    path = folder.path / name
    path.unlink()
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(name)
        case "loop":
            path.symlink_to(path.name)
    with pytest.raises(UsageError) as caught:
        folder.load()
    assert caught.value.diagnostics[0].path
    assert "Traceback" not in str(caught.value)
