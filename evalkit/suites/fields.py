"""The kinds of values a suite.yaml holds, and what a section of it is: no unknown keys, no coercion."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from evalkit import __version__

VERSION = ".".join(__version__.split(".")[:2])
"""The version that messages about later features name."""
MISTAKEN_FOR_SHARES = 0.5
"""A positive `min_delta` below this many points is a share by mistake: no suite gates on a tenth of a point."""

TINY_MARGIN = 0.1
"""The same for points that may be lost, where half a point may well be meant."""
HUGE_RATIO = 10.0
"""A ratio above this is a percentage by mistake: nobody allows ten times the latency or the cost."""

Text = Annotated[str, Field(min_length=1, max_length=4096)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Amount = Annotated[float, Field(ge=0.0, le=1e12)]
"""Of money, hours, days or requests; the bound keeps sums and products finite."""
Rate = Annotated[float, Field(ge=0.0, le=1e9)]
"""USD per 1M tokens, bounded for the same reason."""
Points = Annotated[float, Field(ge=0.0, le=100.0)]


class Section(BaseModel):
    """A mapping of the suite: no unknown keys, no coercion, no infinities."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, defer_build=True)


class OpenSection(Section):
    """A section whose further keys belong to somebody else: a backend, a metric, a check."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, allow_inf_nan=False, defer_build=True)


def is_name(value: str) -> str:
    """`value`, if it can be a name. Raises ValueError with "problem | help", as all checks here do."""
    if re.search(r"[\x00-\x1f\x7f-\x9f/\\\ud800-\udfff]", value) or value.strip(" .") != value:
        raise ValueError("must be a plain name: no slashes, no control characters, no dots or blanks at its ends")
    return value


def is_sha256(value: str) -> str:
    """`value`, if it is a digest as `evalkit lock` writes it."""
    if re.fullmatch(r"[0-9a-f]{64}", value) is None:
        raise ValueError("must be 64 hex digits in lower case | `evalkit lock SUITE` writes it")
    return value


def is_variable(value: str) -> str:
    """`value`, if it is the name of an environment variable and no key."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", value) is None or value.startswith(("sk_", "hf_", "gsk_")):
        raise ValueError("must be the name of an environment variable, never a key itself | say OPENAI_API_KEY")
    return value


def is_endpoint(value: str) -> str:
    """`value`, if it is an address without login, query or fragment."""
    try:
        parts = urlsplit(value)
        is_whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or any(ord(c) <= ord(" ") for c in value):
        raise ValueError("must be an address such as http://127.0.0.1:8000/v1")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a login | put the key in an environment variable and name it in api_key_env")
    if parts.query or parts.fragment:
        raise ValueError("must not carry a query or a fragment")
    if (whole := value.rstrip("/")).endswith("/chat/completions"):
        raise ValueError(
            f"must end before /chat/completions, which is added | {whole.removesuffix('/chat/completions')}"
        )
    return value


def is_concurrency(value: Any) -> Any:
    """A whole number of at least 1; None for auto."""
    if value == "auto" or value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("must be auto or a whole number of at least 1")
    return value


def is_margin(value: float) -> float:
    """`value`, unless it is so small that a share was meant; 0 is a margin, too."""
    if 0 < value < TINY_MARGIN:
        raise ValueError(f"{value:g} points; did you mean {100 * value:.1f}? | points count from 0 to 100")
    return value


def is_ratio(value: float) -> float:
    """`value`, unless it is so large that a percentage was meant."""
    if value > HUGE_RATIO:
        meant = value / 100 if value >= 100 else 1 + value / 100  # noqa: PLR2004 - percent
        raise ValueError(f"{value:g} times as much; did you mean {meant:g}? | 1.2 allows a fifth more")
    return value


def is_past_day(value: str) -> str:
    """`value`, if it is a day as 2026-11-01, today or earlier."""
    try:
        day = dt.date.fromisoformat(value)
    except ValueError:
        raise ValueError("must be a day such as 2026-11-01") from None
    if day > dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1):  # somewhere it is tomorrow already
        raise ValueError(f"{value} lies in the future | the day on which these prices were looked up")
    return value


def is_points(value: float) -> float:
    """`value`, unless it is so small that a share was meant."""
    if 0 < value < MISTAKEN_FOR_SHARES:
        raise ValueError(f"{value:g} points; did you mean {100 * value:.1f}? | points count from 0 to 100")
    return value
