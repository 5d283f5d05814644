"""What a GGUF file says about itself: metadata and tensor shapes, without its weights.

Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3, little-endian).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

_MAGIC = b"GGUF"
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_MAX_STRING_BYTES = 64_000_000
_MAX_COUNT = 10_000_000
_MAX_DIMENSIONS = 8

Metadata = str | int | float | bool


class GgufError(ValueError):
    """The file is no GGUF file, or a damaged one. The message is a clause without the file's name."""


class Gguf(Struct, frozen=True, kw_only=True):
    """Header of one file."""

    metadata: Mapping[str, Metadata]
    """Scalars and strings; arrays (vocabularies) are left out."""
    shapes: Mapping[str, tuple[int, ...]]
    """Of each tensor, in ggml's order: the fastest dimension first."""


def read_gguf(path: Path) -> Gguf:
    """The header of the file at `path`. Raises GgufError, and OSError when it cannot be read."""
    with path.open("rb") as file:
        if (start := file.read(4)) != _MAGIC:
            begins = "it is empty" if not start else f"it begins with {start.decode('latin-1')!r}, not 'GGUF'"
            raise GgufError(f"is not a GGUF file ({begins})")
        version = _number(file, "I")
        if version not in {2, 3}:
            raise GgufError(f"is a GGUF file of version {version}; versions 2 and 3 can be read")
        tensor_count = _bounded(_number(file, "Q"))
        metadata_count = _bounded(_number(file, "Q"))
        metadata: dict[str, Metadata] = {}
        for _ in range(metadata_count):
            name = _string(file)
            value = _value(file, int(_number(file, "I")))
            if value is not None:
                metadata[name] = value
        shapes, last_offset = {}, 0
        for _ in range(tensor_count):
            name, shape, offset = _tensor(file)
            shapes[name], last_offset = shape, max(last_offset, offset)
        # The weights lie behind the header. How many bytes the last tensor takes is ggml's business; that it begins
        # inside the file tells most half downloads.
        if file.tell() + last_offset > path.stat().st_size:
            raise GgufError("is cut off: the file ends before its last tensor begins (a download that did not finish?)")
    return Gguf(metadata=metadata, shapes=shapes)


def adapter_problem(adapter: Gguf, base: Gguf) -> str | None:
    """Why this adapter cannot be applied to this base, as a clause; None when names and shapes fit.

    The rules are llama.cpp's own (`llama_adapter_lora_init`): A is (in, rank), B is (rank, out), the base's weight is
    (in, out). An adapter that changes nothing is a problem too: it would be served as the base without a word.
    """
    if adapter.metadata.get("general.type") != "adapter" or adapter.metadata.get("adapter.type") != "lora":
        return "is a GGUF file, but no LoRA adapter (general.type must be adapter, adapter.type lora)"
    ours, theirs = (g.metadata.get("general.architecture") for g in (adapter, base))
    if ours != theirs:
        return f"was made for the architecture {ours!r}, and the base is {theirs!r}"
    pairs = {name.removesuffix(".lora_a") for name in adapter.shapes if name.endswith(".lora_a")}
    if not pairs:
        return "holds no LoRA tensors: it changes nothing"
    unmatched = sorted(pairs - base.shapes.keys())
    if unmatched:
        return f"changes {len(unmatched)} of {len(pairs)} modules that the base does not have, {unmatched[0]} first"
    for name in sorted(pairs):
        problem = _shape_problem(name, adapter, base.shapes[name])
        if problem:
            return problem
    return None


def _shape_problem(name: str, adapter: Gguf, weight: tuple[int, ...]) -> str | None:
    a, b = adapter.shapes[f"{name}.lora_a"], adapter.shapes.get(f"{name}.lora_b")
    if b is None:
        return f"holds {name}.lora_a without its lora_b"
    if name.startswith("token_embd"):  # stored the other way round; llama.cpp checks it itself
        return None
    if len(a) < 2 or len(b) < 2 or len(weight) < 2:  # noqa: PLR2004 - matrices have two dimensions
        return f"holds {name} in a shape that is no matrix"
    if (a[0], b[1]) != (weight[0], weight[1]) or a[1] != b[0]:
        return f"was made for another size of model: {name} is {weight[0]}x{weight[1]} here and {a[0]}x{b[1]} there"
    return None


def _tensor(file: BinaryIO) -> tuple[str, tuple[int, ...], int]:
    """(name, shape, bytes from the start of the weights)."""
    name = _string(file)
    dimensions = _number(file, "I")
    if dimensions > _MAX_DIMENSIONS:
        raise GgufError("is damaged: a tensor has too many dimensions")
    shape = tuple(int(_number(file, "Q")) for _ in range(int(dimensions)))
    _number(file, "I")  # its quantisation
    return name, shape, int(_number(file, "Q"))


def _value(file: BinaryIO, kind: int) -> Metadata | None:
    if kind in _NUMBERS:
        return _number(file, _NUMBERS[kind])
    if kind == _STRING:
        return _string(file)
    if kind == _ARRAY:
        _skip_array(file)
        return None
    raise GgufError(f"is damaged: metadata of unknown type {kind}")


def _skip_array(file: BinaryIO) -> None:
    kind = int(_number(file, "I"))
    count = _bounded(_number(file, "Q"))
    if kind in _NUMBERS:
        file.seek(count * struct.calcsize(_NUMBERS[kind]), 1)
    elif kind == _STRING:
        for _ in range(count):
            file.seek(_length(file), 1)
    else:
        raise GgufError(f"is damaged: an array of unknown type {kind}")


def _string(file: BinaryIO) -> str:
    length = _length(file)
    data = file.read(length)
    if len(data) != length:
        raise GgufError("is cut off")
    return data.decode("utf-8", "replace")


def _length(file: BinaryIO) -> int:
    length = int(_number(file, "Q"))
    if length > _MAX_STRING_BYTES:
        raise GgufError("is damaged: a string is longer than 64 MB")
    return length


def _number(file: BinaryIO, code: str) -> int | float | bool:
    size = struct.calcsize(code)
    data = file.read(size)
    if len(data) != size:
        raise GgufError("is cut off")
    value: int | float | bool = struct.unpack(f"<{code}", data)[0]
    return value


def _bounded(count: float) -> int:
    if count > _MAX_COUNT:
        raise GgufError("is damaged: it claims more entries than any model has")
    return int(count)
