"""`{kind: zero_tolerance}` in suite.yaml: which samples must pass, and every mistake in saying so at its place."""

import pytest

from evalkit.errors import UsageError

GUARD = "    - {metric: schema, margin: 1.0}"


def with_guard(folder, keys):
    folder.edit(GUARD, f"    - {{kind: zero_tolerance, metric: schema, {keys}}}")


def refused(folder):
    with pytest.raises(UsageError) as caught:
        folder.load()
    return str(caught.value)


def test_a_file_names_what_must_pass(folder):
    folder.write("must_pass.jsonl", '{"ticket_id": "t3"}\n{"ticket_id": "t1"}\n{"ticket_id": "t3"}\n')
    with_guard(folder, "samples: must_pass.jsonl")
    suite = folder.load()
    guard = suite.gate.guards[0]
    assert guard.must_pass == ("t3", "t1")
    assert guard.on_unresolved == "inconclusive"
    assert "must_pass.jsonl" in suite.digests


def test_ids_and_slices_do_too(folder):
    with_guard(folder, "ids: [t1, t2], on_unresolved: warn")
    guard = folder.load().gate.guards[0]
    assert (guard.must_pass, guard.on_unresolved) == (("t1", "t2"), "warn")
    folder.edit("ids: [t1, t2], on_unresolved: warn", "slice: lang=de")
    assert folder.load().gate.guards[0].slice == "lang=de"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("ids: [t1, t22]", "suite.yaml:20:51: gate.guards[0].ids: no sample has the id 't22' (did you mean 't2'?)"),
        ("slice: lang=d", "no slice is named 'lang=d' (did you mean 'lang=de'?)"),
        ("ids: []", "gate.guards[0].ids"),
        ("samples: gone.jsonl", "gate.guards[0].samples"),
        ("samples: prompts/triage.md.j2", "neither .jsonl, .ndjson, .json, .csv"),
        ("margin: 1.0, ids: [t1]", "a zero_tolerance guard has no `margin`"),
        ("ids: [t1], slice: lang=de", "says in one way which samples must pass"),
        ("on_unresolved: warn", "says in one way which samples must pass"),
    ],
)
def test_mistakes_are_told_with_their_place(folder, keys, told):
    with_guard(folder, keys)
    assert told in refused(folder)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"ticket_id": "t9"}\n', "no sample has the id 't9'"),
        ('{"id": "t1"}\n', "must_pass.jsonl:1: the row has no id in 'ticket_id'"),
        ("\n", "the file holds no rows"),
        ('{"ticket_id": "t1"\n', "must_pass.jsonl:1"),
    ],
)
def test_mistakes_in_the_file_too(folder, content, told):
    folder.write("must_pass.jsonl", content)
    with_guard(folder, "samples: must_pass.jsonl")
    assert told in refused(folder)


def test_other_guards_do_not_take_these_keys(folder):
    folder.edit(GUARD, "    - {metric: schema, ids: [t1]}")
    assert "a metric guard has no `ids`" in refused(folder)


def test_a_suite_may_have_to_pass_as_a_whole(folder):
    folder.write(
        "other/suite.yaml", (folder.path / "suite.yaml").read_text().replace(GUARD, "").replace("  guards:", "")
    )
    for name in ("samples.jsonl", "prompts/triage.md.j2", "schema.json"):
        folder.write(f"other/{name}", (folder.path / name).read_bytes())
    with_guard(folder, "suite: other/suite.yaml")
    guard = folder.load().gate.guards[0]
    assert guard.suite.name == "suite.yaml"
    assert guard.must_pass == ()
