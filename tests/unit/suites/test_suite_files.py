"""Data files, schema files, paths: what is read, what is refused, and that nothing outside the tree is opened."""

import gzip
import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from evalkit.errors import UsageError
from evalkit.suites.data import reach, read_data
from evalkit.suites.files import Tree
from evalkit.suites.paths import Refused, anywhere, inside, tree_root

ROW = '{"ticket_id": "%s", "text": "x", "label": {"intent": "a"}, "lang": "en"}\n'


def read(folder, name, content):
    return read_data(folder.write(name, content), Tree(folder=folder.path, root=folder.path, shown=""))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("is_packed", [False, True])
def test_jsonl_however_it_was_saved(folder, newline, mark, is_packed):
    content = mark + (ROW % "ü" + "  \n" + ROW % "b").replace("\n", newline).rstrip().encode()
    data = read(folder, "d.jsonl.gz" if is_packed else "d.jsonl", gzip.compress(content) if is_packed else content)
    assert [(line, row["ticket_id"]) for line, row in data.rows] == [(1, "ü"), (3, "b")]
    assert data.columns == ("ticket_id", "text", "label", "lang")


def test_sha256_is_of_the_bytes_on_disk(folder):
    content = gzip.compress((ROW % 1).encode() * 5000)
    assert read(folder, "d.jsonl.gz", content).sha256 == hashlib.sha256(content).hexdigest()


def test_csv_with_quoted_lines_counts_lines_as_editors_do(folder):
    data = read(folder, "d.csv", 'id,text\r\n1,"two\r\nlines"\r\n2,"say ""hi"""\r\n')
    assert data.rows == ((2, {"id": "1", "text": "two\r\nlines"}), (4, {"id": "2", "text": 'say "hi"'}))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.csv", "a,a\n1,2\n", "d.csv:1: the column 'a' is named twice"),
        ("d.csv", "a,\n1,2\n", "d.csv:1: a column has no name"),
        ("d.csv", 'a\n"x', "d.csv:2: this is not CSV"),
        ("d.csv", b"a\n\xff\n", "d.csv:2: byte 0xff"),
        ("d.csv", "a\n", "d.csv:1: the file holds no rows"),
        ("d.jsonl", b'{"a": "\xff"}\n', "d.jsonl:1:8: byte 0xff"),
        ("d.jsonl", '{"a": 1}\n'.encode("utf-16"), "d.jsonl:1: this is not UTF-8 text: it looks like UTF-16"),
        ("d.jsonl", "[" * 100_000, "d.jsonl:1: nested too deeply"),
        ("d.jsonl", '{"a": ' + "[" * 300 + "]" * 300 + "}", "d.jsonl:1: nested deeper than 200 levels"),
        ("d.jsonl", '{"a": ' + "9" * 5000 + "}", "d.jsonl:1: "),
        ("d.jsonl.gz", b"no gzip", "d.jsonl.gz: damaged gzip file"),
        ("d.jsonl.gz", gzip.compress(ROW.encode() * 99)[:-20], "d.jsonl.gz: damaged gzip file"),
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
        read(folder, "d.jsonl.gz", gzip.compress(b" " * (1 << 21)))


def test_data_that_inflates_beyond_the_limit_is_refused(folder, monkeypatch):
    monkeypatch.setattr("evalkit.suites.data.MAX_DATA_BYTES", 1 << 20)
    with pytest.raises(UsageError, match="data may hold"):
        read(folder, "d.jsonl.gz", gzip.compress((ROW % "a").encode() * 30_000))


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
        ('{"a": "' + "x" * 64_000 + '"}', "schema.json: larger than 64,000 bytes"),
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


HOSTILE_PATHS = [
    *("/etc/passwd", "//etc/passwd", "/./etc/passwd", "///etc/passwd", "../outside.jsonl", "../../outside.jsonl"),
    *("./../outside.jsonl", "prompts/../../outside.jsonl", "prompts/../../../etc/passwd", "a/b/../../../outside.jsonl"),
    *("..", ".", "", " ", "../", "./..", "prompts/..", "../place/../outside.jsonl", "....//outside.jsonl", ".../x"),
    *(
        "..\\outside.jsonl",
        "\\etc\\passwd",
        "C:\\windows\\x",
        "C:/windows/x",
        "c:x",
        "\\\\server\\share",
        "//server/share",
    ),
    *("~/x.jsonl", "~root/x.jsonl", "~", "$HOME/x.jsonl", "%2e%2e/outside.jsonl", "..%2foutside.jsonl", "..%00/x"),
    *("file:///etc/passwd", "file:/etc/passwd", "http://127.0.0.1/x.jsonl", "https://x/y.jsonl", "ftp://x/y.jsonl"),
    *("s3://bucket/x.jsonl", "data:text/plain,x", "gopher://x", "HTTP://X/y.jsonl", "jar:file:/x", "smb://x/y"),
    *("samples.jsonl\0.png", "\0", "a\nb", "a\rb", "a\tb", "\x1b[31m", "\ud800", "x" * 300, "x/" * 3000),
    *("link-out.jsonl", "link-folder/outside.jsonl", "link-loop.jsonl", "link-absolute.jsonl", "link-to-link.jsonl"),
    *("/dev/zero", "/proc/self/environ", "/dev/stdin", "fifo.jsonl", "prompts", "prompts/", "link-proc.jsonl"),
]


@pytest.fixture
def traps(folder):
    """Everything around the tree that must never be opened."""
    outside = folder.path.parent / "outside.jsonl"
    outside.write_text(ROW % 1)
    (folder.path / "link-out.jsonl").symlink_to("../outside.jsonl")
    (folder.path / "link-absolute.jsonl").symlink_to(outside)
    (folder.path / "link-to-link.jsonl").symlink_to("link-out.jsonl")
    (folder.path / "link-folder").symlink_to("..")
    (folder.path / "link-loop.jsonl").symlink_to("link-loop.jsonl")
    (folder.path / "link-proc.jsonl").symlink_to("/proc/self/environ")
    os.mkfifo(folder.path / "fifo.jsonl")
    return folder


class Watch:
    """An audit hook that can be switched: hooks stay for the life of the process."""

    is_on = False
    opened: list = []  # noqa: RUF012 - one list for one process

    @classmethod
    def hook(cls, event, arguments):
        if cls.is_on and event in {"open", "socket.connect", "subprocess.Popen", "os.listdir"}:
            cls.opened.append((event, str(arguments[0])))


sys.addaudithook(Watch.hook)


@pytest.mark.parametrize(
    ("old", "key"),
    [
        ("samples.jsonl", "dataset.path"),
        ("prompts/triage.md.j2", "dataset.prompt"),
        ("Label the ticket.", "dataset.system"),
        ("schema.json", "metrics.1.schema"),
        ("gate:", "gate.guards.0.suite"),
        ("gate:", "checks.training_data"),
        ("gate:", "dataset.fewshot.path"),
    ],
)
def test_no_path_form_opens_a_file_outside_the_tree(traps, old, key):
    for path in HOSTILE_PATHS:
        if "\0" in path or "\ud800" in path:
            continue
        value = json.dumps(path, ensure_ascii=True)
        option = f"{key}=[{value}]" if key.endswith("data") else f"{key}={value}"
        extra = ["dataset.fewshot.k=1"] if "fewshot" in key else []
        Watch.opened.clear()
        Watch.is_on = True
        try:
            traps.load(overrides=[option, *extra])
        except UsageError:
            pass
        finally:
            Watch.is_on = False
        strangers = [
            name
            for event, name in Watch.opened
            if event != "open" or not Path(name).resolve().is_relative_to(traps.path)
        ]
        assert strangers == [], path


def test_the_watch_sees_what_is_opened(folder):
    Watch.opened.clear()
    Watch.is_on = True
    try:
        folder.load()
    finally:
        Watch.is_on = False
    assert {Path(name).name for _, name in Watch.opened} >= {
        "suite.yaml",
        "samples.jsonl",
        "schema.json",
        "triage.md.j2",
    }


@pytest.mark.parametrize(
    "path", [path for path in HOSTILE_PATHS if path not in {"prompts", "prompts/", "$HOME/x.jsonl"}]
)
def test_hostile_paths_are_refused_or_stay_inside(traps, path):
    found = inside(path, traps.path, traps.path)
    assert isinstance(found, Refused) or found.is_relative_to(traps.path)
    assert not isinstance(Tree(folder=traps.path, root=traps.path, shown="").file(path), Path)


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
