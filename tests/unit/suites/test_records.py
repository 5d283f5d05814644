import datetime as dt
import decimal
import gzip
import io
import json
import tracemalloc
from pathlib import Path

import pytest

from evalkit.errors import UsageError
from evalkit.suites.records import LABEL_CHARS, read_rows, record_of, texts_beside
from evalkit.suites.records.lines import Limits
from evalkit.types import Message

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
zstandard = pytest.importorskip("zstandard")
ROWS = [{"q": "wie geht's?", "a": "gut"}, {"q": "two\nlines", "a": "…"}]


def spelled(layout):
    lines = [json.dumps(row) for row in ROWS]
    match layout:
        case "jsonl" | "ndjson":
            return "\n".join(lines) + "\n"
        case "json":
            return json.dumps(ROWS, indent=2)
        case "csv":
            return 'q,a\nwie geht\'s?,gut\n"two\nlines",…\n'
        case "tsv":
            return 'q\ta\nwie geht\'s?\tgut\n"two\nlines"\t…\n'


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def parquet(path, columns):
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize("pack", ["", ".gz", ".zst"])
@pytest.mark.parametrize(
    ("layout", "lines"), [("jsonl", "1 2"), ("ndjson", "1 2"), ("json", "2 6"), ("csv", "2 3"), ("tsv", "2 3")]
)
def test_every_format_gives_the_same_rows_with_their_lines(tmp_path, layout, lines, pack):
    packed = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}[pack]
    path = write(tmp_path, f"d.{layout}{pack}", packed(b"\xef\xbb\xbf" + spelled(layout).encode()))
    rows = list(read_rows(path))
    assert [dict(row.fields) for row in rows] == ROWS
    assert [row.where for row in rows] == [f"{path}:{line}" for line in lines.split()]


def test_parquet_gives_plain_values(tmp_path):
    columns = {
        "n": [1, None],
        "when": [dt.date(2026, 1, 2), None],
        "usd": [decimal.Decimal("1.50"), None],
        "turns": [[{"role": "user", "content": "x"}], []],
        "raw": ["é".encode(), None],
    }
    rows = list(read_rows(parquet(tmp_path / "d.parquet", columns)))
    assert [row.where.rpartition("/")[2] for row in rows] == ["d.parquet:row 1", "d.parquet:row 2"]
    assert rows[0].fields == {
        "n": 1,
        "when": "2026-01-02",
        "usd": 1.5,
        "turns": [{"role": "user", "content": "x"}],
        "raw": "é",
    }
    assert rows[1].fields == {"n": None, "when": None, "usd": None, "turns": [], "raw": None}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.jsonl", '{"a": 1}\n{"a": }\n', "d.jsonl:2:7: this is not JSON"),
        ("d.jsonl", '{"a": 1, "a": 2}', "d.jsonl:1:10: the key 'a' is given twice"),
        ("d.jsonl", "\ufeff{}".encode("utf-16"), "d.jsonl:1: this is not UTF-8 text: it looks like UTF-16"),
        ("d.csv", b"\x00\x01\x02" * 40, "d.csv:1: this is not UTF-8 text"),
        ("d.jsonl", b"PAR1" + b"\x00" * 40, "d.jsonl:1: this is a Parquet file"),
        ("d.csv", "a,b\n1,2,3\n", "d.csv:2: 3 cells where the header has 2"),
        ("d.csv", "a;b\n1;2\n", "d.csv:1: the columns stand apart by ';', so all of them were read as one"),
        ("d.tsv", "a,b\n1,2\n", "d.tsv:1: the columns stand apart by ',', so all of them were read as one"),
        ("d.csv", b"a,b\n1,\xff\n", "d.csv:2: byte 0xff is not UTF-8 text"),
        ("d.tsv", "a\ta\n", "d.tsv:1: the column 'a' is named twice"),
        ("d.json", '[{"a": 1},\n{"a": NaN}]', "d.json:2: NaN is not JSON"),
        ("d.json", '[{"a": 1},\n{"a": tru}, {"b": "' + "x" * 99 + '"}]', "d.json:2: this is not JSON"),
        ("d.json", '[{"a": 1}\n{"a": 1}]', "d.json:2: a comma or ']' is wanted"),
        ("d.json", '[{"a": 1},\n', "d.json:2: the list ends in the middle"),
        ("d.json", '[{"a": "', "d.json:1: this is not JSON"),
        ("d.json", "[1]", "d.json:1: a row is an object"),
        ("d.json", "[] []", "d.json:1: something stands after the end of the list"),
        ("d.json", b'[{"a": "\xff"}]', "d.json:1: byte 0xff is not UTF-8 text"),
        ("d.parquet", b"PAR1 and junk", "d.parquet: damaged Parquet file"),
        ("d.jsonl.gz", b"no gzip", "d.jsonl.gz: damaged gzip file"),
        ("d.jsonl.zst", b"no zstd", "d.jsonl.zst: damaged Zstandard file"),
        ("d.parquet.gz", b"", "d.parquet.gz: Parquet files are packed inside"),
        ("d.xlsx", b"", "d.xlsx: 'd.xlsx' is neither .jsonl"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path, monkeypatch, name, content, message):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, name, content)
    with pytest.raises(UsageError) as caught:
        list(read_rows(Path(name)))
    assert str(caught.value).startswith(message)


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    with pytest.raises(UsageError, match=r"gone.csv: cannot be read: No such file"):
        list(read_rows(tmp_path / "gone.csv"))
    with pytest.raises(UsageError, match="this is not a regular file"):
        list(read_rows(tmp_path))


def test_bad_lines_are_counted_by_whoever_wants_to_go_on(tmp_path):
    long = json.dumps({"a": "x" * (11 << 20)})
    path = write(tmp_path, "log.jsonl", f'{{"a": 1}}\noops\n{long}\n{{"a": NaN}}\n{{"a": 2}}\n')
    bad = []
    assert [row.fields["a"] for row in read_rows(path, on_bad=bad.append)] == [1, 2]
    assert [found.line for found in bad] == [2, 3, 4]
    assert "a line may hold 10 MiB" in bad[1].message
    with pytest.raises(UsageError, match=r"log\.jsonl:2"):
        list(read_rows(path))


def test_bad_rows_of_a_table_are_passed_over(tmp_path):
    path = write(tmp_path, "log.csv", 'a,b\n1,2\n"x"y,2\n1,2,3\n3,4\n')
    bad = []
    assert [row.fields["a"] for row in read_rows(path, on_bad=bad.append)] == ["1", "3"]
    assert [found.line for found in bad] == [3, 4]


def test_bad_rows_of_parquet_name_the_row(tmp_path):
    path = parquet(tmp_path / "d.parquet", {"x": [1.0, float("nan")]})
    with pytest.raises(UsageError, match=r"d\.parquet:row 2: nan is not JSON"):
        list(read_rows(path))


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (pa.array([0, 400_000_000_000_000_000], pa.timestamp("us")), "date value out of range"),
        (pa.array([b"a", b"\xff"], pa.binary()).view(pa.string()), "can't decode byte 0xff"),
    ],
)
def test_a_cell_that_python_cannot_hold_is_told_with_its_row(tmp_path, column, why):
    path = parquet(tmp_path / "d.parquet", {"x": column})
    with pytest.raises(UsageError, match=rf"d\.parquet:row 2: a cell cannot be told in JSON: .*{why}"):
        list(read_rows(path))


def test_a_parquet_file_that_unpacks_to_too_much_ends_at_the_bound(tmp_path, monkeypatch):
    path = parquet(tmp_path / "d.parquet", {"x": ["y" * 1000] * 1000})
    assert path.stat().st_size < 10_000
    monkeypatch.setattr("evalkit.suites.records.read.LIMITS", Limits(row_bytes=1 << 20, data_bytes=500_000))
    with pytest.raises(UsageError, match="data may hold 0 GiB"):
        list(read_rows(path))


def test_a_zstandard_file_that_was_cut_is_no_short_file(tmp_path):
    lines = "".join(f"{i},{hash((i, 7))}\n" for i in range(20_000))
    whole = zstandard.ZstdCompressor().compress(f"a,b\n{lines}".encode())
    for cut in (1, len(whole) // 2, len(whole) - 3):
        path = write(tmp_path, "d.csv.zst", whole[:-cut])
        with pytest.raises(UsageError, match="damaged Zstandard file: it ends before its end"):
            list(read_rows(path))
    second = zstandard.ZstdCompressor().compress(b"x,y\n")
    rows = list(read_rows(write(tmp_path, "d.csv.zst", whole + second)))
    assert (len(rows), rows[-1].fields) == (20_001, {"a": "x", "b": "y"})


def test_a_quote_that_is_never_closed_ends_at_the_bound(tmp_path):
    path = write(tmp_path, "d.csv", 'a,b\n"' + ("x" * 99 + ",y\n") * 120_000)
    with pytest.raises(UsageError, match="a row may hold 10 MiB"):
        list(read_rows(path))


def test_cells_of_a_document_are_read(tmp_path):
    path = write(tmp_path, "d.csv", "a\n" + "x" * 300_000 + "\n")
    assert len(next(read_rows(path)).fields["a"]) == 300_000


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("layout", ["jsonl", "json"])
def test_standard_input_needs_no_ending(layout, pack):
    stream = io.BytesIO(pack(spelled(layout).encode()))
    rows = list(read_rows(Path("-"), stream=stream))
    assert [dict(row.fields) for row in rows] == ROWS
    assert rows[0].where.startswith("standard input:")


def test_a_stream_takes_its_format_from_the_name():
    rows = list(read_rows(Path("upload.csv"), stream=io.BytesIO(spelled("csv").encode())))
    assert rows[1].where == "upload.csv:3"


def test_objects_a_line_are_read_from_a_json_file_too(tmp_path):
    path = write(tmp_path, "d.json", spelled("jsonl") * 4_000)
    assert len(list(read_rows(path))) == 8_000


@pytest.mark.parametrize("name", ["d.json", "d.jsonl.gz"])
def test_memory_does_not_grow_with_the_file(tmp_path, name):
    row = json.dumps({"text": "x" * 2_000})
    text = f"[{','.join([row] * 6_000)}]" if name == "d.json" else f"{row}\n" * 6_000
    path = write(tmp_path, name, gzip.compress(text.encode(), 1) if name.endswith("gz") else text)
    del text
    tracemalloc.start()
    assert sum(1 for _ in read_rows(path)) == 6_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


U, A = "user", "assistant"


@pytest.mark.parametrize(
    ("row", "kind", "inputs", "outputs"),
    [
        (
            {
                "messages": [
                    {"role": "system", "content": "s"},
                    {"role": U, "content": "q"},
                    {"role": A, "content": "a"},
                ]
            },
            "chat",
            ("q",),
            ("a",),
        ),
        ({"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}, "chat", ("q",), ("a",)),
        (
            {"messages": [{"role": U, "content": [{"type": "text", "text": "q"}]}, {"role": A, "content": None}]},
            "chat",
            ("q",),
            (),
        ),
        (
            {
                "request": {"messages": [{"role": U, "content": "q"}]},
                "response": {"body": {"choices": [{"message": {"role": A, "content": "a"}}]}},
            },
            "chat",
            ("q",),
            ("a",),
        ),
        ({"input": [{"role": U, "content": "q"}], "ideal": "a"}, "chat", ("q",), ()),
        ({"prompt": "q", "completion": "a"}, "completion", ("q",), ("a",)),
        (
            {"prompt": [{"role": U, "content": "q"}], "completion": [{"role": A, "content": "a"}]},
            "completion",
            ("q",),
            ("a",),
        ),
        ({"instruction": "i", "input": "x", "output": "o"}, "completion", ("i\n\nx", "x"), ("o",)),
        ({"instruction": "i", "input": "", "output": "o"}, "completion", ("i",), ("o",)),
        ({"instruction": "i", "context": "x", "response": "o"}, "completion", ("i", "x", "i\n\nx"), ("o",)),
        ({"instruction": "", "context": "x", "response": "o"}, "completion", ("\n\nx", "x"), ("o",)),
        ({"prompt": "q", "context": "x", "completion": "a"}, "completion", ("q", "x", "q\n\nx"), ("a",)),
        ({"prompt": "q", "input": "raw", "output": "a"}, "completion", ("q",), ("a",)),
        (
            {"contents": [{"role": U, "parts": [{"text": "q"}]}, {"role": "model", "parts": [{"text": "a"}]}]},
            "chat",
            ("q",),
            ("a",),
        ),
        (
            {"messages": [{"role": "system", "content": "s"}, {"role": "Customer", "content": "q"}]},
            "chat",
            ("q",),
            (),
        ),
        (
            {
                "input": {"messages": [{"role": U, "content": "q"}]},
                "preferred_output": [{"role": A, "content": "good"}],
                "non_preferred_output": [{"role": A, "content": "bad"}],
            },
            "preference",
            ("q",),
            ("good", "bad"),
        ),
        ({"prompt": "q", "chosen": "good", "rejected": "bad"}, "preference", ("q",), ("good", "bad")),
        (
            {
                "chosen": [{"role": U, "content": "q"}, {"role": A, "content": "good"}],
                "rejected": [{"role": U, "content": "q"}, {"role": A, "content": "bad"}],
            },
            "preference",
            ("q",),
            ("good", "bad"),
        ),
        ({"text": "t", "label": {"name": "l"}, "n": 3, "blank": " "}, "flat", ("t", "l"), ()),
        ({"messages": "no turns", "chosen": 1, "rejected": 2}, "flat", ("no turns",), ()),
        ({}, "flat", (), ()),
    ],
)
def test_a_row_says_what_was_asked_and_answered(row, kind, inputs, outputs):
    found = record_of(row)
    assert (found.kind, found.inputs, found.outputs) == (kind, inputs, outputs)


def test_what_is_as_short_as_a_label_is_no_text_beside_the_question():
    long = "somebody left a lamp in the tram"
    assert len("l" * LABEL_CHARS) < len(long)
    turns = [{"role": "system", "content": long}, {"role": U, "content": "q"}, {"role": "tool", "content": "help"}]
    row = {"messages": turns, "intent": "refund", "id": "t1", "note": "l" * LABEL_CHARS}
    assert list(texts_beside(row, record_of(row))) == [long]


def test_the_conversation_ends_with_the_chosen_answer():
    found = record_of({"prompt": [{"role": U, "content": "q"}], "chosen": "good", "rejected": "bad"})
    assert found.messages == (Message(role=U, content="q"), Message(role=A, content="good"))
