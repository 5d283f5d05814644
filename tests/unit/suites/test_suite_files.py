"""Data files, schema files, paths: what is read, what is refused, and that nothing outside the tree is opened."""

import gzip
import hashlib
import json

import pytest

from evalkit.errors import UsageError
from evalkit.suites.data import reach, read_data
from evalkit.suites.files import Tree, training_files
from evalkit.suites.paths import Refused, anywhere, tree_root

ROW = '{"ticket_id": "%s", "text": "x", "label": {"intent": "a"}, "lang": "en"}\n'


def read(folder, name, content):
    return read_data(folder.write(name, content), Tree(folder=folder.path, root=folder.path, shown=""))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("is_packed", [False, True])
def test_jsonl_however_it_was_saved(folder, newline, mark, is_packed):
    content = mark + (ROW % "ü" + "  \n" + ROW % "b").replace("\n", newline).rstrip().encode()
    data = read(
        folder, "d.jsonl.gz" if is_packed else "d.jsonl", gzip.compress(content, mtime=0) if is_packed else content
    )
    assert [(line, row["ticket_id"]) for line, row in data.rows] == [(1, "ü"), (3, "b")]
    assert data.columns == ("ticket_id", "text", "label", "lang")


def test_sha256_is_of_the_bytes_on_disk(folder):
    content = gzip.compress((ROW % 1).encode() * 5000, mtime=0)
    assert read(folder, "d.jsonl.gz", content).sha256 == hashlib.sha256(content).hexdigest()


def test_csv_with_quoted_lines_counts_lines_as_editors_do(folder):
    data = read(folder, "d.csv", 'id,text\r\n1,"two\r\nlines"\r\n2,"say ""hi"""\r\n')
    assert data.rows == ((2, {"id": "1", "text": "two\r\nlines"}), (4, {"id": "2", "text": 'say "hi"'}))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.csv", "a,a\n1,2\n", "d.csv:1: the column 'a' is named twice"),
        ("d.csv", "a,\n1,2\n", "d.csv:1: a column has no name"),
        (
            "d.csv",
            'a\n"x',
            "d.csv:2: this is not CSV: unexpected end of data\n  help: a quote that is opened in this row",
        ),
        ("d.csv", 'a\n"x"y\n', "d.csv:2: this is not CSV: ',' expected after '\"'"),
        ("d.csv", b"a\n\xff\n", "d.csv:2: byte 0xff"),
        ("d.csv", "a\n", "d.csv:1: the file holds no rows"),
        ("d.jsonl", b'{"a": "\xff"}\n', "d.jsonl:1:8: byte 0xff"),
        ("d.jsonl", '{"a": 1}\n'.encode("utf-16"), "d.jsonl:1: this is not UTF-8 text: it looks like UTF-16"),
        ("d.jsonl", "[" * 100_000, "d.jsonl:1: nested too deeply"),
        ("d.jsonl", '{"a": ' + "[" * 300 + "]" * 300 + "}", "d.jsonl:1: nested deeper than 200 levels"),
        ("d.jsonl", '{"a": ' + "9" * 5000 + "}", "d.jsonl:1:7: a number has more than"),
        ("d.jsonl.gz", b"no gzip", "d.jsonl.gz: damaged gzip file"),
        ("d.jsonl.gz", gzip.compress(ROW.encode() * 99, mtime=0)[:-20], "d.jsonl.gz: damaged gzip file"),
    ],
)
def test_bad_data_is_located(folder, name, content, message):
    try:
        found = read(folder, name, content).problems
    except UsageError as error:
        found = error.diagnostics
    assert found[0].render().startswith(message)


def test_a_line_beyond_the_limit_is_refused(folder, monkeypatch):
    monkeypatch.setattr("evalkit.suites.data.MAX_LINE_BYTES", 1 << 20)
    with pytest.raises(UsageError, match="a line may hold 1 MiB"):
        read(folder, "d.jsonl.gz", gzip.compress(b" " * (1 << 21), mtime=0))


def test_data_that_inflates_beyond_the_limit_is_refused(folder, monkeypatch):
    monkeypatch.setattr("evalkit.suites.data.MAX_DATA_BYTES", 1 << 20)
    with pytest.raises(UsageError, match="data may hold"):
        read(folder, "d.jsonl.gz", gzip.compress((ROW % "a").encode() * 30_000, mtime=0))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b", (True, "dotted")),
        ("c.d.1", (True, 2)),
        ("c.d.2", (False, None)),
        ("c.d.x", (False, None)),
        ("c.d.²", (False, None)),
        ("c.n", (True, None)),
        ("c.n.x", (False, None)),
        ("", (False, None)),
    ],
)
def test_reach(path, found):
    assert reach({"a.b": "dotted", "a": {"b": "nested"}, "c": {"d": [1, 2], "n": None}}, path) == found


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "schema.json:1:1: a JSON Schema is an object"),
        ('{"a": NaN}', "schema.json: NaN is not JSON"),
        ("{\n  a}", "schema.json:2:3: this is not JSON"),
        ("[" * 5000, "schema.json: nested deeper than 32 levels"),
        ('{"a": ' * 40 + "1" + "}" * 40, "schema.json: nested deeper than 32 levels"),
        ('{"a": "' + "x" * 64_000 + '"}', "schema.json: the file is larger than 64,000 bytes"),
        ('{"$ref": "other.json"}', "schema.json:1:10: the reference 'other.json' leads out of the file"),
        ('{"properties": {"a": {"$dynamicRef": "file:///etc/passwd"}}}', "schema.json:1:38: the reference"),
        ('{"items": [{"$ref": "http://127.0.0.1/x"}]}', "schema.json:1:21: the reference"),
    ],
)
def test_bad_schema_files_are_located(folder, content, message):
    folder.write("schema.json", content)
    with pytest.raises(UsageError) as caught:
        folder.load()
    assert str(caught.value).startswith(message)


def test_schemas_may_speak_of_references_without_following_them(folder):
    text = (
        '{"properties": {"$ref": {"type": "string"}}, "enum": [{"$ref": "x"}], '
        '"not": {"$ref": "#/$defs/a"}, "$defs": {"a": {}}}'
    )
    folder.write("schema.json", text)
    assert folder.load().metrics[1].options["schema"] == json.loads(text)


def test_links_inside_the_tree_are_followed(folder):
    (folder.path / "alias.jsonl").symlink_to("samples.jsonl")
    folder.edit("path: samples.jsonl", "path: alias.jsonl")
    assert folder.load().dataset_path == folder.path / "samples.jsonl"


def test_the_tree_reaches_up_to_a_mark(folder):
    assert tree_root(folder.path) == folder.path
    (folder.path.parent / "evalkit.toml").write_text("")
    (folder.path.parent / "outside.jsonl").write_text(ROW % 1)
    folder.edit("path: samples.jsonl", "path: ../outside.jsonl")
    suite = folder.load()
    assert suite.root == folder.path.parent
    assert "outside.jsonl" in suite.digests


@pytest.mark.parametrize("text", ["http://x/m.gguf", "", "a\0b", "hf://org/name"])
def test_weights_are_paths_too(folder, text):
    assert isinstance(anywhere(text, folder.path), Refused)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("train/*.jsonl", ["train/a.jsonl", "train/b.jsonl"]),
        ("**/*.jsonl", ["samples.jsonl", "shots.jsonl", "train/a.jsonl", "train/b.jsonl", "train/old/c.jsonl"]),
        ("**/**/c.jsonl", ["train/old/c.jsonl"]),
        ("train/[ab].jsonl", ["train/a.jsonl", "train/b.jsonl"]),
        ("tr*/old/?.jsonl", ["train/old/c.jsonl"]),
        ("train/.*.jsonl", ["train/.hidden.jsonl"]),
    ],
)
def test_patterns_name_training_files(folder, pattern, names):
    for name in ("a.jsonl", "b.jsonl", "old/c.jsonl", ".hidden.jsonl", ".git/d.jsonl"):
        folder.write(f"train/{name}", ROW % "x")
    (folder.path / "round").symlink_to(".")
    found = training_files(pattern, Tree(folder=folder.path, root=folder.path, shown=""))
    assert [path.relative_to(folder.path).as_posix() for path in found] == names


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("train/*.csv", "no file matches"),
        ("../*.jsonl", "leads outside"),
        ("*/../../*.jsonl", "may not hold '..'"),
        ("out*.jsonl", "matches 'out.jsonl', and 'out.jsonl' is a link that leads outside"),
        ("loop*", "matches 'loop.jsonl', and 'loop.jsonl' cannot be resolved"),
    ],
)
def test_a_match_that_may_not_be_read_is_no_silent_gap(folder, pattern, message):
    (folder.path.parent / "outside.jsonl").write_text(ROW % 1)
    (folder.path / "out.jsonl").symlink_to("../outside.jsonl")
    (folder.path / "loop.jsonl").symlink_to("loop.jsonl")
    found = training_files(pattern, Tree(folder=folder.path, root=folder.path, shown=""))
    assert isinstance(found, Refused)
    assert message in found.why
