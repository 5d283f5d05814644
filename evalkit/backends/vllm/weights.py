"""Weights as Hugging Face lays them out: a model's folder, and PEFT adapters known to fit it. Nothing is downloaded.

Formats: safetensors (https://github.com/huggingface/safetensors#format: 8 bytes of length, a JSON header, data) and
PEFT's adapter_config.json with adapter_model.safetensors.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from evalkit.errors import ExecutionError
from evalkit.fingerprint import file_sha256

MAX_HEADER_BYTES = 100_000_000
"""safetensors' own limit."""
_SHOWN = 4
_PREFIX = re.compile(r"^base_model\.model\.")
_LORA = re.compile(r"^(?P<module>.+)\.lora_(?P<side>[AB])(?:\.default)?\.weight$")
_BLOB = re.compile(r"[0-9a-f]{64}")

Shapes = Mapping[str, tuple[int, ...]]
"""Tensor name → shape."""


class Model(Struct, frozen=True, kw_only=True):
    """A model's folder."""

    folder: Path
    name: str
    """What people call it: the name they gave, or the folder's."""
    sha256: str
    """Over the weight files and config.json: their names and contents."""
    heads: int | None
    """Attention heads, which tensor parallelism has to divide."""
    max_positions: int | None
    """Tokens the model was made for."""


class Adapter(Struct, frozen=True, kw_only=True):
    """A LoRA adapter that fits its base."""

    folder: Path
    sha256: str
    """Of adapter_model.safetensors and adapter_config.json."""
    rank: int
    """The largest rank of any of its modules."""


def find_model(model: str) -> Model:
    """The model behind a folder's path or a name (`org/name`, `org/name@revision`) in the local hub cache.

    Raises ExecutionError, in words, where there is none; evalkit downloads nothing at run time.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        folder = _in_hub_cache(model)
    config = _json_of(folder / "config.json", "a model's folder has a config.json; is this one?")
    files = sorted({*folder.glob("*.safetensors"), *folder.glob("*.bin")})
    if not files:
        raise ExecutionError(f"the model folder {folder} holds no weights (*.safetensors)")
    text_config = config.get("text_config")
    inner = text_config if isinstance(text_config, dict) else config
    return Model(
        folder=folder,
        name=model.split("@", 1)[0] if "/" in model and not Path(model).expanduser().is_dir() else folder.name,
        sha256=_digest((*files, folder / "config.json")),
        heads=_whole(inner.get("num_attention_heads")),
        max_positions=_whole(inner.get("max_position_embeddings")),
    )


def find_adapter(folder: Path, model: Model) -> Adapter:
    """The adapter in `folder`. Raises ExecutionError, in words, where there is none or it does not fit `model`."""
    weights = folder / "adapter_model.safetensors"
    if not weights.is_file():
        hint = ""
        if list(folder.glob("*.gguf")) or folder.suffix == ".gguf":
            hint = "; it holds a .gguf adapter, which backend local runs and vLLM does not"
        raise ExecutionError(f"the adapter folder {folder} holds no adapter_model.safetensors{hint}")
    config = _json_of(folder / "adapter_config.json", "PEFT writes it beside the weights")
    if (kind := config.get("peft_type")) != "LORA":
        raise ExecutionError(f"the adapter {folder} is of type {kind}; vLLM serves LORA")
    if config.get("use_dora"):
        raise ExecutionError(f"the adapter {folder} uses DoRA, which vLLM does not serve: merge it into its base")
    problem = misfit(shapes_of((weights,)), shapes_of(sorted(model.folder.glob("*.safetensors"))))
    if problem:
        raise ExecutionError(f"the adapter {folder} {problem}; the base is {model.name}")
    pattern = config.get("rank_pattern")
    ranks = [config.get("r"), *(pattern.values() if isinstance(pattern, dict) else ())]
    rank = max((r for r in map(_whole, ranks) if r), default=0)
    if not rank:
        raise ExecutionError(f"the adapter {folder} does not say its rank (`r` in adapter_config.json)")
    return Adapter(folder=folder, sha256=_digest((weights, folder / "adapter_config.json")), rank=rank)


def misfit(adapter: Shapes, base: Shapes) -> str | None:
    """Why an adapter does not fit a base, as the rest of a sentence; None when every module finds its place.

    An engine may serve an adapter that matches no module as if it were the base, and say nothing.
    """
    modules: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in adapter.items():
        if found := _LORA.match(_PREFIX.sub("", name)):
            modules.setdefault(found["module"], {})[found["side"]] = shape
    if not modules:
        return "holds no LoRA weights (names that end in lora_A.weight and lora_B.weight)"
    homes = {name.rpartition(".")[0] for name in base}
    lost = [module for module in modules if not _home(module, homes)]
    if len(lost) == len(modules):
        return f"matches no module of the base ({_some(lost)})"
    if lost:
        return f"has {len(lost)} of {len(modules)} modules that the base lacks ({_some(lost)})"
    for module, sides in modules.items():
        if set(sides) != {"A", "B"}:
            return f"is incomplete: {module} has lora_{''.join(sides)} only"
        shape = base.get(f"{_home(module, homes)}.weight", ())
        wanted = (sides["B"][0], sides["A"][-1])
        if len(shape) == len(wanted) and shape != wanted:  # quantised weights have other shapes
            return f"was made for another model: {module} is {_by(shape)} in the base and {_by(wanted)} in the adapter"
    return None


def shapes_of(files: Sequence[Path]) -> Shapes:
    """The tensors in these safetensors files. Raises ExecutionError for a damaged one."""
    return dict(pair for path in files for pair in _shapes(path))


def _shapes(path: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(size, MAX_HEADER_BYTES)))
        for name, tensor in header.items():
            if name != "__metadata__":
                yield name, tuple(int(n) for n in tensor["shape"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ExecutionError(f"{path} is no safetensors file: {error}") from error


def _home(module: str, homes: set[str]) -> str | None:
    """The base's name for a module; bases with a vision tower or a wrapper put more in front of it."""
    for name in (module, f"model.{module}", module.removeprefix("model.")):
        if name in homes:
            return name
    return next((home for home in homes if home.endswith(f".{module}")), None)


def _in_hub_cache(model: str) -> Path:
    name, _, revision = model.partition("@")
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    cached = hub / f"models--{name.replace('/', '--')}"
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w.-]+)?", name):
        raise ExecutionError(f"there is no model folder {model}; paths are relative to the suite's folder")
    if cached.is_dir():
        named = cached / "refs" / (revision or "main")
        commit = named.read_text("utf-8").strip() if named.is_file() else revision
        folder = cached / "snapshots" / commit
        if commit and folder.is_dir():
            return folder
        raise ExecutionError(f"the revision {revision or 'main'!r} of {name} is not in the hub cache {hub}")
    raise ExecutionError(
        f"model {model!r} is neither a folder nor a model in the hub cache {hub}; evalkit downloads nothing while it "
        f"runs. To have it there: hf download {name}"
    )


def _json_of(path: Path, hint: str) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise ExecutionError(f"there is no {path.name} in {path.parent}: {hint}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ExecutionError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ExecutionError(f"{path} is no JSON object")
    return found


def _digest(files: Sequence[Path]) -> str:
    named = [(path.name, _sha256(path)) for path in files]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()


def _sha256(path: Path) -> str:
    real = path.resolve()
    if path.is_symlink() and real.parent.name == "blobs" and _BLOB.fullmatch(real.name):
        return real.name  # the hub's cache names a large file by its sha256
    found = real.stat()
    return _sha256_of(real, found.st_size, found.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _sha256_of(path: Path, size_bytes: int, mtime_ns: int) -> str:  # noqa: ARG001 - both are the cache's key
    return file_sha256(path)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _by(shape: Sequence[int]) -> str:
    return " by ".join(f"{n:,}" for n in shape)
