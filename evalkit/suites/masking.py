"""What a message may show of a line: anything that looks like a secret is starred."""

from __future__ import annotations

import re

_SECRET_NAMES = r"(?:api[_-]?key|secret|passw(?:or)?d|authorization|(?:access|auth|bearer)[_-]?token)"  # noqa: S105 - names of keys, no key
_SECRET_KEY = re.compile(rf"(?i){_SECRET_NAMES}$|^token$")
_SECRET_VALUE = re.compile(rf"(?i)((?:{_SECRET_NAMES}|\btoken)[\"']?\s*[:=]\s*)(\S.*)")
_SECRET_LOOKS = re.compile(r"()(\b(?:sk|pk|hf|ghp|gho|gsk|xai|key)[-_][A-Za-z0-9_\-]{12,})")
_URL_LOGIN = re.compile(r"(://)([^/\s@]+)(?=@)")


def mask(line: str) -> str:
    """The line with anything that looks like a secret starred, column for column."""
    for pattern in (_SECRET_VALUE, _SECRET_LOOKS, _URL_LOGIN):
        line = pattern.sub(lambda m: m.group(1) + "*" * len(m.group(2)), line)
    return line


def is_secret_key(key: str) -> bool:
    """Whether a key's name says that its value is a secret (`api_key`, `password`, `token` …)."""
    return _SECRET_KEY.search(key) is not None
