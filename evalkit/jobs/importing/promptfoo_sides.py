"""promptfoo's providers as sides of a comparison. Keys that stand in a file are never copied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from evalkit.jobs.importing.draft import Notes

_OLLAMA = "http://127.0.0.1:11434/v1"
_DECODING = ("temperature", "max_tokens", "seed")
_KNOWN = frozenset({*_DECODING, "apiBaseUrl", "apiKeyEnvar", "apiKey"})


class Side(Struct, frozen=True):
    """One provider."""

    name: str
    entry: Mapping[str, Any]
    """As it stands below `models:`."""


def sides_of(value: Any, notes: Notes) -> list[Side]:
    """The providers evalkit can ask; the others are named in the notes."""
    found = []
    for one in listed(value):
        name, config = _named(one)
        entry = _entry(name, config)
        if entry is None:
            notes.add(f"The provider {name[:80]} has no counterpart here and is left out.")
            continue
        for key in _beside(one):
            notes.add(f"{key} of {name[:80]} is not carried over.")
        for key in config.keys() - _KNOWN:
            notes.add(f"config.{key} of {name[:80]} is not carried over.")
        if "apiKey" in config:
            notes.add(f"The key written down for {name[:80]} is not copied: put it in an environment variable.")
        decoding = {key: config[key] for key in _DECODING if isinstance(config.get(key), int | float)}
        found.append(Side(name, {**entry, **({"generation": decoding} if decoding else {})}))
    return found


def listed(value: Any) -> list[Any]:
    """A list as it is; one text or mapping, which may stand where a list may, as a list of it; else an empty one."""
    return value if isinstance(value, list) else [value] if isinstance(value, str | dict) else []


def _named(one: Any) -> tuple[str, Mapping[str, Any]]:
    """(name, config) of a provider in any of the three ways to write one."""
    if isinstance(one, str):
        return one, {}
    if not isinstance(one, dict):
        return str(one), {}
    if "id" in one:
        config = one.get("config")
        return str(one["id"]), config if isinstance(config, dict) else {}
    name, inner = next(iter(one.items()), ("", {}))
    config = inner.get("config") if isinstance(inner, dict) else None
    return str(name), config if isinstance(config, dict) else {}


def _beside(one: Any) -> list[str]:
    """What a provider's entry says beside its name and its config: a transform of its answers, say."""
    inner = one if not isinstance(one, dict) or "id" in one else next(iter(one.values()), None)
    return sorted(inner.keys() - {"id", "label", "config"}) if isinstance(inner, dict) else []


def _entry(name: str, config: Mapping[str, Any]) -> dict[str, Any] | None:
    vendor, _, rest = name.partition(":")
    model = rest.removeprefix("chat:").removeprefix("messages:").removeprefix("responses:").removeprefix("completion:")
    key = {"api_key_env": config["apiKeyEnvar"]} if isinstance(config.get("apiKeyEnvar"), str) else {}
    base_url = config.get("apiBaseUrl")
    if not model or vendor not in {"openai", "anthropic", "ollama"} or rest.startswith(("embedding", "assistant")):
        return None
    if vendor == "ollama":
        return {"backend": "openai_compatible", "base_url": base_url or _OLLAMA, "model": model, **key}
    if base_url and vendor == "openai":
        return {"backend": "openai_compatible", "base_url": base_url, "model": model, **key}
    return {"backend": vendor, "model": model, **key}
