"""Convert a PEFT LoRA adapter of a Llama-type model into the GGUF form that llama.cpp loads.

    python convert.py --peft OUT --gguf adapter.gguf

llama.cpp stores the rows of attn_q and attn_k in another order than Hugging Face (its rotary
embedding pairs neighbouring rows). The adapter's B matrices write to those rows, so B of q_proj and
k_proj is permuted in the same way; forgetting this gives an adapter that loads and answers badly.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
KEY = re.compile(r"layers\.(\d+)\.((?:self_attn|mlp)\.\w+)\.lora_([AB])\.weight$")


def rope_permute(rows: np.ndarray, heads: int) -> np.ndarray:
    """Reorder the rows of each head from Hugging Face's half-split to llama.cpp's interleaved order."""
    grouped = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return grouped.swapaxes(1, 2).reshape(rows.shape)


def convert(peft: Path, out: Path, heads: int, kv_heads: int) -> int:
    """Write the GGUF adapter and return the number of tensors in it."""
    config = json.loads((peft / "adapter_config.json").read_text(encoding="utf-8"))
    writer = gguf.GGUFWriter(str(out), "llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(config["lora_alpha"]))
    count = 0
    for key, value in sorted(load_file(str(peft / "adapter_model.safetensors")).items()):
        found = KEY.search(key)
        if found is None:
            msg = f"no GGUF name is known for {key}"
            raise SystemExit(msg)
        layer, module, side = found.groups()
        tensor = value
        if side == "B" and module in {"self_attn.q_proj", "self_attn.k_proj"}:
            tensor = rope_permute(value, heads if module.endswith("q_proj") else kv_heads)
        name = f"blk.{layer}.{NAMES[module]}.weight.lora_{side.lower()}"
        writer.add_tensor(name, np.ascontiguousarray(tensor.astype(np.float16)))
        count += 1
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return count


def main() -> None:
    """Convert one adapter."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peft", type=Path, required=True, help="folder with adapter_model.safetensors")
    parser.add_argument("--gguf", type=Path, required=True, help="file to write")
    parser.add_argument("--heads", type=int, default=9, help="attention heads (SmolLM2-135M: 9)")
    parser.add_argument("--kv-heads", type=int, default=3, help="key/value heads (SmolLM2-135M: 3)")
    args = parser.parse_args()
    count = convert(args.peft, args.gguf, args.heads, args.kv_heads)
    print(f"{count} tensors, {args.gguf.stat().st_size} bytes")


if __name__ == "__main__":
    main()
