import pytest
import vllm_files

from evalkit.backends.vllm.weights import find_adapter, find_model, misfit
from evalkit.errors import ExecutionError


@pytest.fixture
def base(tmp_path):
    return find_model(str(vllm_files.model(tmp_path / "base")))


def test_a_folder_is_a_model(base):
    assert (base.name, base.heads, base.max_positions) == ("base", 6, 4096)
    assert len(base.sha256) == 64


def test_other_weights_are_another_model(tmp_path, base):
    other = vllm_files.model(tmp_path / "other" / "base")
    assert find_model(str(other)).sha256 == base.sha256
    (other / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes()[:-1] + b"\x01")
    assert find_model(str(other)).sha256 != base.sha256


def test_a_model_in_the_hub_cache_is_found_by_name_and_revision(tmp_path, monkeypatch, base):
    cached = tmp_path / "hub" / "models--org--name"
    vllm_files.model(cached / "snapshots" / "abc")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("abc\n")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    assert find_model("org/name").name == "org/name"
    assert find_model("org/name@abc").sha256 == base.sha256
    with pytest.raises(ExecutionError, match="revision 'v2' of org/name is not in the hub cache"):
        find_model("org/name@v2")


def test_a_large_file_of_the_hub_cache_is_known_by_its_blob(tmp_path, base):
    folder = vllm_files.model(tmp_path / "linked")
    blob = tmp_path / "blobs" / ("0" * 64)
    blob.parent.mkdir()
    (folder / "model.safetensors").rename(blob)
    (folder / "model.safetensors").symlink_to(blob)
    assert find_model(str(folder)).sha256 != base.sha256, "the name of the blob was taken, not its content"


def test_what_is_nowhere_is_not_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ExecutionError, match=r"neither a folder nor a model in the hub cache.*hf download org/name"):
        find_model("org/name@main")


def test_an_adapter_that_fits_says_its_largest_rank(tmp_path, base):
    folder = vllm_files.adapter(tmp_path / "a", rank=2, rank_pattern={"q_proj": 12})
    assert find_adapter(folder, base).rank == 12


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"module": "mlp.up_proj"}, r"matches no module of the base \(model.layers.0.mlp.up_proj, model.layers.1"),
        ({"out": 8}, "was made for another model: .*q_proj is 6 by 4 in the base and 8 by 4 in the adapter"),
        ({"peft_type": "PROMPT_TUNING"}, "is of type PROMPT_TUNING; vLLM serves LORA"),
        ({"use_dora": True}, "uses DoRA"),
        ({"r": None}, "does not say its rank"),
    ],
)
def test_an_adapter_that_does_not_fit_is_told_in_words(tmp_path, base, made, words):
    with pytest.raises(ExecutionError, match=words):
        find_adapter(vllm_files.adapter(tmp_path / "a", **made), base)


def test_an_adapter_of_another_engine_is_named(tmp_path, base):
    (tmp_path / "adapter.gguf").write_bytes(b"GGUF")
    with pytest.raises(ExecutionError, match=r"a \.gguf adapter, which backend local runs and vLLM does not"):
        find_adapter(tmp_path, base)


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, b"\x05\x00\x00\x00\x00\x00\x00\x00[1,2]", b"\x00" * 8 + b"{}"])
def test_a_damaged_file_is_named(tmp_path, base, content):
    folder = vllm_files.adapter(tmp_path / "a")
    (folder / "adapter_model.safetensors").write_bytes(content)
    with pytest.raises(ExecutionError, match=r"adapter_model.safetensors is no safetensors file"):
        find_adapter(folder, base)


def test_half_a_module_is_incomplete():
    base = {"model.q.weight": (6, 4)}
    assert "is incomplete: model.q has lora_A only" in misfit({"base_model.model.model.q.lora_A.weight": (2, 4)}, base)


def test_quantised_weights_are_not_compared_by_shape():
    adapter = {"base_model.model.model.q.lora_A.weight": (2, 4), "base_model.model.model.q.lora_B.weight": (6, 2)}
    assert misfit(adapter, {"model.q.qweight": (1, 6), "model.q.scales": (1, 6)}) is None
    assert misfit(adapter, {"language_model.model.q.weight": (6, 4)}) is None


def test_a_path_that_is_none_is_not_taken_for_a_name():
    with pytest.raises(ExecutionError, match=r"there is no model folder \.\./models/llama; paths are relative"):
        find_model("../models/llama")
