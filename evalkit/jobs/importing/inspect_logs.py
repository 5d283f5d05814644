"""Inspect: the samples of a log, whether its packed form (`.eval`) or its plain one (`.json`).

The forms are those of inspect_ai 0.3 (https://inspect.aisi.org.uk/eval-logs.html). A `.eval` file is a zip archive with
a header and a file for each sample; newer ones are packed with Zstandard, which is method 93 of the zip format (APPNOTE
6.3.8, section 4.4.5) and unknown to Python's zipfile before 3.14.
"""

from __future__ import annotations

import importlib.util
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from evalkit.errors import Diagnostic, UsageError
from evalkit.suites.files import read_bytes
from evalkit.suites.records.packed import unpacked

_Form = TypeVar("_Form")
MAX_LOG_BYTES = 500_000_000
MAX_SAMPLE_BYTES = 100_000_000
_ZSTANDARD = 93
_ELSEWHERE = "attachment://"
_LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Of a file in a zip archive: its mark, and how long the name and the extra field are that stand before the bytes."""


class Message(Struct, frozen=True):
    """One message of a conversation."""

    role: str
    content: str | list[Any] = ""
    source: str | None = None
    """`generate`: the model said it."""


class Choice(Struct, frozen=True):
    """What the model said, and why it stopped."""

    stop_reason: str = "stop"
    message: Message | None = None


class Output(Struct, frozen=True):
    """What the model answered at last."""

    completion: str = ""
    """Its words. Logs of 2024 and early 2025 have them in the first choice alone."""
    choices: list[Choice] = field(default_factory=list)
    usage: dict[str, Any] | None = None
    time: float | None = None
    """Seconds."""


class Mark(Struct, frozen=True):
    """What one of Inspect's scorers says of an answer."""

    value: Any = None
    answer: str | None = None
    """The part of the answer that the scorer looked at."""


class Limit(Struct, frozen=True):
    """What stopped a sample before its end: `time`, `token`, `context`, `message` …."""

    type: str


class LoggedSample(Struct, frozen=True):
    """One sample of a log, asked once."""

    id: int | str
    target: str | list[str]
    epoch: Annotated[int, Meta(ge=1, le=1000)] = 1
    input: str | list[Message] = ""
    messages: list[Message] = field(default_factory=list)
    output: Output = field(default_factory=Output)
    scores: dict[str, Mark] | None = None
    error: dict[str, Any] | None = None
    limit: Limit | None = None
    attachments: dict[str, str] = field(default_factory=dict)
    """Long texts, kept once: a message says `attachment://` and the key."""


class Scorer(Struct, frozen=True):
    """A scorer of the task, and how it was set."""

    name: str
    options: dict[str, Any] | None = None


class Task(Struct, frozen=True):
    """What was asked of which model."""

    task: str = "inspect"
    model: str = "unknown"
    scorers: list[Scorer] | None = None


class Log(Struct, frozen=True, kw_only=True):
    """A log's head; its samples are read by `samples`."""

    path: Path
    task: Task
    status: str
    """success, error, cancelled or started."""


def log_of(path: Path) -> Log:
    """The head of a log. Raises UsageError, located, for what is no log of Inspect's."""
    head = next((_plain(path, text) for text in _heads(path)), None)
    if not isinstance(head, dict) or "eval" not in head:
        raise _no_log(path, "it names no task")
    status = head.get("status", "started")
    return Log(path=path, task=_converted(head["eval"], Task, path, "eval"), status=str(status))


def samples(path: Path) -> Iterator[LoggedSample]:
    """Each sample of a log, one at a time where the log is packed. Raises UsageError, located, for damage."""
    if zipfile.is_zipfile(path):
        for name, text in _files(path, lambda name: name.startswith("samples/")):
            yield _converted(_plain(path, text), LoggedSample, path, name)
        return
    whole = _plain(path, read_bytes(path, str(path), MAX_LOG_BYTES))
    found = whole.get("samples") if isinstance(whole, dict) else None
    for number, one in enumerate(found if isinstance(found, list) else []):
        yield _converted(one, LoggedSample, path, f"samples[{number}]")


def _heads(path: Path) -> Iterator[bytes]:
    """What may be the head: of a run that was killed only its start is there."""
    if zipfile.is_zipfile(path):
        for wanted in ("header.json", "_journal/start.json"):
            yield from (text for _, text in _files(path, wanted.__eq__))
    else:
        yield read_bytes(path, str(path), MAX_LOG_BYTES)


def _files(path: Path, is_wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                if is_wanted(info.filename) and info.filename.endswith(".json"):
                    yield info.filename, _content(path, archive, info, file)
    except (zipfile.BadZipFile, struct.error, NotImplementedError, RuntimeError, zlib.error, EOFError) as error:
        raise _no_log(path, f"damaged archive: {error}") from None


def _content(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: Any) -> bytes:
    if info.compress_type == _ZSTANDARD:
        text = _zstandard(path, info, file)
    else:
        with archive.open(info) as member:
            text = member.read(MAX_SAMPLE_BYTES + 1)
    if len(text) > MAX_SAMPLE_BYTES:
        raise _no_log(path, f"{info.filename} is larger than {MAX_SAMPLE_BYTES / 1e6:,.0f} MB")
    if zlib.crc32(text) != info.CRC:
        raise _no_log(path, f"damaged archive: {info.filename} is not what was written")
    return text


def _zstandard(path: Path, info: zipfile.ZipInfo, file: Any) -> bytes:
    if importlib.util.find_spec("zstandard") is None:
        fix = "pip install 'evalkit-gate[zstd]'; or `inspect log convert LOG --to json --output-dir DIR`"
        found = Diagnostic(
            message="this log is packed with Zstandard, and zstandard is not here", path=str(path), help=fix
        )
        raise UsageError(diagnostics=(found,))
    file.seek(info.header_offset)
    mark, n_name, n_extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    if mark != b"PK\x03\x04":
        raise zipfile.BadZipFile("a file does not begin where the archive says")
    file.seek(n_name + n_extra, io.SEEK_CUR)
    with unpacked(io.BytesIO(file.read(info.compress_size)), "zst", str(path)) as plain:
        return plain.read(MAX_SAMPLE_BYTES + 1)


def _plain(path: Path, text: bytes) -> Any:
    """The JSON, in which Inspect also writes NaN."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _no_log(path, f"this is not JSON: {error}") from None


def _converted(value: Any, form: type[_Form], path: Path, where: str) -> _Form:
    try:
        return msgspec.convert(value, form)
    except msgspec.ValidationError as error:
        raise _no_log(path, f"{where}: {error}") from None


def _no_log(path: Path, why: str) -> UsageError:
    return UsageError(diagnostics=(Diagnostic(message=f"no log of Inspect's: {why}", path=str(path)),))


def words_of(content: str | list[Any], attachments: Mapping[str, str]) -> tuple[str, bool]:
    """The text of a message, with what is kept elsewhere put back; and whether that is all of the message."""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    texts = [part for part in parts if isinstance(part, dict) and part.get("type") == "text"]
    words = [str(part.get("text", "")) for part in texts]
    put_back = [attachments.get(text.removeprefix(_ELSEWHERE), text) for text in words]
    is_whole = len(texts) == sum(not (isinstance(part, dict) and part.get("type") == "reasoning") for part in parts)
    return "\n".join(put_back), is_whole
