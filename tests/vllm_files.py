"""Models and adapters as Hugging Face lays them out, a few kilobytes each."""

import json
from pathlib import Path

FAKE = Path(__file__).parent / "fake_vllm"
"""Its stand-in for vLLM, for PYTHONPATH."""


def safetensors(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """A file whose header is true and whose numbers are all zero."""
    header, start = {}, 0
    for name, shape in shapes.items():
        size = 4
        for n in shape:
            size *= n
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [start, start + size]}
        start += size
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(start))


def model(folder: Path, *, heads: int = 6, positions: int = 4096) -> Path:
    """A base with two layers."""
    folder.mkdir(parents=True)
    names = [f"model.layers.{i}.self_attn.q_proj.weight" for i in (0, 1)]
    safetensors(folder / "model.safetensors", dict.fromkeys(names, (6, 4)))
    config = {"num_attention_heads": heads, "max_position_embeddings": positions}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def adapter(folder: Path, *, module: str = "self_attn.q_proj", out: int = 6, rank: int = 2, **config: object) -> Path:
    """A LoRA adapter for both layers."""
    folder.mkdir(parents=True)
    shapes = {}
    for i in (0, 1):
        name = f"base_model.model.model.layers.{i}.{module}"
        shapes |= {f"{name}.lora_A.weight": (rank, 4), f"{name}.lora_B.weight": (out, rank)}
    safetensors(folder / "adapter_model.safetensors", shapes)
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": rank, **config}))
    return folder
