"""A schema is closed in itself: whatever a reference looks like, nothing is fetched for it."""

import json
import socket
import time
from pathlib import Path

import pytest
from watch import listening, watching

from evalkit.errors import UsageError
from evalkit.metrics.registry import build
from evalkit.metrics.schemas import SchemaProblem, ready
from evalkit.suites.files import Tree
from evalkit.types import MetricSpec, Sample

CORPUS = Path(__file__).parents[1] / "corpora" / "schemas" / "references.jsonl"
FORMS = CORPUS.read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def listener():
    with listening() as found:
        yield found


def form(line, host):
    return line.replace("{url}", f"http://{host}/schema").replace("{host}", host)


def test_there_are_at_least_twenty_forms():
    assert len(set(FORMS)) >= 20


@pytest.mark.parametrize("line", FORMS)
def test_nothing_is_fetched(line, listener, tmp_path):
    host, knocks = listener
    text = form(line, host)
    path = tmp_path / "schema.json"
    path.write_text(text)
    tree = Tree(folder=tmp_path, root=tmp_path, shown="")
    b"x".decode("utf-8-sig")  # Python loads this codec once, from a file of its own
    spec = MetricSpec(name="schema", type="json_schema", options={"schema": json.loads(text)}, line=9)
    with watching("socket.connect", "socket.getaddrinfo", "open") as watch:
        with pytest.raises(UsageError) as caught:
            tree.schema(path, is_applied=True)
        with pytest.raises(UsageError):
            build(spec, ())
    assert caught.value.diagnostics[0].where.startswith("schema.json:1")
    assert caught.value.diagnostics[0].help or "only '#/…'" in caught.value.diagnostics[0].message
    assert [name for _, name in watch.seen if Path(str(name)) != path] == []
    assert knocks == []


def test_the_validator_could_not_fetch_either(listener, monkeypatch):
    host, knocks = listener
    monkeypatch.setattr("evalkit.metrics.schemas._Survey.walk", lambda *_: None)
    for line in FORMS[:13]:
        with pytest.raises(SchemaProblem):
            ready(json.loads(form(line, host)))
    assert knocks == []


def test_a_reference_that_is_only_data_is_left_alone(listener):
    host, knocks = listener
    schema = {"enum": [{"$ref": f"http://{host}/x"}], "default": {"$ref": f"http://{host}/x"}}
    metric = build(MetricSpec(name="schema", type="json_schema", options={"schema": schema}), ())
    assert metric.score(f'{{"$ref": "http://{host}/x"}}', Sample(id="1", fields={})).value == 1.0
    assert knocks == []


def test_the_listener_hears_who_knocks(listener):
    host, knocks = listener
    address, _, port = host.partition(":")
    socket.create_connection((address, int(port))).close()
    for _ in range(500):
        if not knocks:
            time.sleep(0.01)
    assert knocks == [1]
    knocks.clear()
