import gzip
import hashlib
import json

import pytest

from evalkit.errors import UsageError
from evalkit.suites.locking import lock

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
zstandard = pytest.importorskip("zstandard")
COLUMNS = {"ticket_id": ["t1", "t2"], "text": ["a?", "b?"], "label": ["x", "y"], "lang": ["de", "en"]}
ROWS = [dict(zip(COLUMNS, values, strict=True)) for values in zip(*COLUMNS.values(), strict=True)]
PLAIN = {
    "d.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
    "d.json": json.dumps(ROWS, indent=1),
    "d.csv": "ticket_id,text,label,lang\nt1,a?,x,de\nt2,b?,y,en\n",
    "d.tsv": "ticket_id\ttext\tlabel\tlang\nt1\ta?\tx\tde\nt2\tb?\ty\ten\n",
}
FILES = {
    **PLAIN,
    **{f"{name}.gz": gzip.compress(text.encode(), mtime=0) for name, text in PLAIN.items()},
    **{f"{name}.zst": zstandard.ZstdCompressor().compress(text.encode()) for name, text in PLAIN.items()},
}


def use(folder, name, content):
    """The folder's suite on another data file, with metrics that take texts."""
    folder.edit("samples.jsonl", name)
    folder.edit(
        "  - {name: intent_f1, type: f1, average: macro, field: intent}\n", "  - {name: em, type: exact_match}\n"
    )
    folder.edit("metric: intent_f1", "metric: em")
    if isinstance(content, dict):
        pq.write_table(pa.table(content), folder.path / name)
    else:
        folder.write(name, content)


@pytest.mark.parametrize("name", [*FILES, "d.parquet"])
def test_a_suite_reads_the_same_samples_from_every_format_and_locks_the_file_as_it_lies(folder, name):
    use(folder, name, FILES.get(name, COLUMNS))
    suite = folder.load()
    assert [(s.id, s.target, s.slices["lang"]) for s in suite.samples] == [("t1", "x", "de"), ("t2", "y", "en")]
    on_disk = hashlib.sha256((folder.path / name).read_bytes()).hexdigest()
    assert suite.dataset_sha256 == on_disk
    assert lock(folder.path).sha256 == on_disk
    folder.edit(f"sha256: {on_disk}", f"sha256: {'0' * 64}")
    with pytest.raises(UsageError, match="DATA_CHANGED"):
        folder.load()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (COLUMNS | {"ticket_id": ["t1", "t1"]}, "d.parquet:row 2: the id 't1' was given to line 1 already"),
        (COLUMNS | {"ticket_id": ["t1", None]}, "d.parquet:row 2: the id in 'ticket_id' must be text"),
        (COLUMNS | {"label": [1.5, float("inf")]}, "d.parquet:row 2: inf is not JSON"),
        (COLUMNS | {"raw": [b"\xff", b""]}, "d.parquet:row 1: a cell holds bytes that are no text (/w==… in base64)"),
        ({name: [] for name in COLUMNS}, "d.parquet:row 1: the file holds no rows"),
    ],
)
def test_rows_of_parquet_are_held_to_the_same_rules(folder, columns, message):
    use(folder, "d.parquet", columns)
    with pytest.raises(UsageError) as caught:
        folder.load()
    assert message in str(caught.value)


def test_a_misspelt_column_of_parquet_is_told_with_the_one_meant(folder):
    use(folder, "d.parquet", COLUMNS)
    folder.edit("ticket_id", "ticketid")
    with pytest.raises(UsageError, match=r"column 'ticketid' is not in d.parquet \(did you mean 'ticket_id'\?\)"):
        folder.load()


def test_the_package_that_is_missing_is_named(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    use(folder, "d.jsonl.zst", FILES["d.jsonl.zst"])
    with pytest.raises(UsageError, match=r"(?s)needs zstandard.*pip install 'evalkit-gate\[zstd\]'"):
        folder.load()
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    folder.edit("d.jsonl.zst", "d.parquet")
    pq.write_table(pa.table(COLUMNS), folder.path / "d.parquet")
    with pytest.raises(UsageError, match=r"(?s)needs pyarrow.*pip install 'evalkit-gate\[parquet\]'"):
        folder.load()


def chat(folder, rows, column="messages", more=""):
    use(folder, "d.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    folder.edit("  id: ticket_id\n", "")
    folder.edit("  system: Label the ticket.\n  prompt: prompts/triage.md.j2\n", f"  messages: {column}\n")
    folder.edit("  target: label\n  slices: [lang]\n", more)
    return [sample.target for sample in folder.load().samples]


def turns(answer, names=("role", "content"), user="user", assistant="assistant"):
    role, content = names
    return [{role: user, content: "hi?"}, {role: assistant, content: answer}]


def test_the_target_of_a_chat_is_its_last_answer_in_the_words_of_whoever_wrote_it(folder):
    parts = [{"role": "user", "content": [{"type": "text", "text": "hi?"}]}, {"role": "assistant", "content": "b"}]
    rows = [{"m": turns("a", ("from", "value"), "human", "gpt")}, {"m": parts}]
    assert chat(folder, rows, "m") == ["a", "b"]


def test_an_answer_of_nothing_but_calls_is_these_calls(folder):
    call = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"id": 7}'}}
    asked = {"role": "user", "content": "where is it?"}
    calls = {"role": "assistant", "content": None, "tool_calls": [call]}
    assert chat(folder, [{"m": [asked, calls]}], "m") == [json.dumps([call])]


def test_calls_that_were_part_of_what_is_asked_are_told(folder):
    asked = {"role": "user", "content": "where is it?"}
    calls = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}
    with pytest.raises(UsageError, match=r"d.jsonl:1: 'm', turn 2: the content must be text"):
        chat(folder, [{"m": [asked, calls, asked, {"role": "assistant", "content": "a"}]}], "m")


def test_a_chat_with_a_picture_is_told(folder):
    picture = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]
    with pytest.raises(UsageError, match=r"d.jsonl:1: 'm', turn 1: the content must be text"):
        chat(folder, [{"m": picture}], "m", "  target: m\n")


def test_the_target_of_a_preference_is_the_chosen_answer(folder):
    asked = [{"role": "user", "content": "hi?"}]
    rows = [
        {"prompt": asked, "chosen": "a", "rejected": "n"},
        {"prompt": [*asked, *turns("…")[1:], *asked], "chosen": turns("b")[1:], "rejected": turns("n")[1:]},
    ]
    assert chat(folder, rows, "prompt") == ["a", "b"]


def test_a_list_of_people_is_no_list_of_turns(folder):
    people = [{"name": "Ann", "role": "assistant"}]
    use(folder, "d.jsonl", "".join(json.dumps(row | {"label": people}) + "\n" for row in ROWS))
    assert [sample.target for sample in folder.load().samples] == [people, people]


def test_whole_conversations_as_a_preference_and_a_named_target(folder):
    rows = [{"chosen": turns("a"), "rejected": turns("n")}]
    assert chat(folder, rows, "chosen") == ["a"]
    folder.edit("  messages: chosen\n", "  messages: chosen\n  target: rejected\n")
    assert [sample.target for sample in folder.load().samples] == ["n"]
