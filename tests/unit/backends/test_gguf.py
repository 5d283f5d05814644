import contextlib
import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.backends.local.gguf import GgufError, adapter_problem, read_gguf

BASE = {"blk.0.attn_q.weight": (64, 32), "token_embd.weight": (64, 100)}
LORA = {"blk.0.attn_q.weight.lora_a": (64, 8), "blk.0.attn_q.weight.lora_b": (8, 32)}
LORA_META = {"general.type": "adapter", "adapter.type": "lora", "general.architecture": "llama"}
BASE_META = {"general.architecture": "llama", "llama.block_count": 1}


def text(value):
    return struct.pack("<Q", len(value.encode())) + value.encode()


def gguf_bytes(metadata, shapes, version=3):
    data = b"GGUF" + struct.pack("<IQQ", version, len(shapes), len(metadata) + 2)
    for name, value in metadata.items():
        data += text(name)
        data += struct.pack("<I", 8) + text(value) if isinstance(value, str) else struct.pack("<Ii", 5, value)
    data += text("words") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("bc")
    data += text("numbers") + struct.pack("<IIQ", 9, 4, 3) + struct.pack("<3I", 1, 2, 3)
    for name, shape in shapes.items():
        data += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, 0)
    return data


@pytest.fixture
def read(tmp_path):
    def read(data):
        path = tmp_path / "x.gguf"
        path.write_bytes(data)
        return read_gguf(path)

    return read


def test_reads_metadata_and_shapes(read):
    found = read(gguf_bytes(BASE_META, BASE))
    assert found.metadata == BASE_META
    assert found.shapes == BASE


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a GGUF"),
        (b"PK\x03\x04", "not a GGUF"),
        (b"GGUF", "cut off"),
        (gguf_bytes(BASE_META, BASE, version=9), "version 9"),
        (gguf_bytes(BASE_META, BASE)[:-4], "cut off"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0), "more entries"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**60), "64 MB"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("x") + struct.pack("<I", 99), "unknown type"),
    ],
)
def test_what_is_no_gguf_is_refused(read, data, words):
    with pytest.raises(GgufError, match=words):
        read(data)


@given(st.integers(0, 300), st.binary(max_size=8))
def test_a_damaged_file_is_an_error_or_a_header_never_a_crash(tmp_path_factory, position, noise):
    data = bytearray(gguf_bytes(BASE_META, BASE))
    data[position : position + len(noise)] = noise
    path = tmp_path_factory.mktemp("g") / "x.gguf"
    path.write_bytes(data)
    with contextlib.suppress(GgufError):
        read_gguf(path)


def problem(read, metadata=LORA_META, shapes=LORA):
    return adapter_problem(read(gguf_bytes(metadata, shapes)), read(gguf_bytes(BASE_META, BASE)))


def test_an_adapter_that_fits_has_no_problem(read):
    assert problem(read) is None
    assert (
        problem(read, shapes=LORA | {"token_embd.weight.lora_a": (100, 8), "token_embd.weight.lora_b": (8, 64)}) is None
    )


@pytest.mark.parametrize(
    ("metadata", "shapes", "words"),
    [
        (BASE_META, BASE, "no LoRA adapter"),
        (LORA_META | {"adapter.type": "control"}, LORA, "no LoRA adapter"),
        (LORA_META | {"general.architecture": "qwen2"}, LORA, "architecture 'qwen2'"),
        (LORA_META, {}, "changes nothing"),
        (LORA_META, {"blk.9.attn_q.weight.lora_a": (64, 8)}, r"blk\.9\.attn_q\.weight"),
        (LORA_META, {"blk.0.attn_q.weight.lora_a": (64, 8)}, "without its lora_b"),
        (LORA_META, LORA | {"blk.0.attn_q.weight.lora_a": (48, 8)}, "64x32 here and 48x32 there"),
        (LORA_META, LORA | {"blk.0.attn_q.weight.lora_b": (8, 31)}, "another size"),
        (LORA_META, LORA | {"blk.0.attn_q.weight.lora_b": (4, 32)}, "another size"),
        (LORA_META, LORA | {"blk.0.attn_q.weight.lora_a": (64,)}, "no matrix"),
    ],
)
def test_an_adapter_that_does_not_fit_says_why(read, metadata, shapes, words):
    found = problem(read, metadata, shapes)
    assert found is not None
    assert re.search(words, found)
