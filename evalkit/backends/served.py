"""Which models an endpoint says it serves, and what to say when the one wanted is not among them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Awaitable, Callable

from evalkit.backends.http.endpoint import Endpoint
from evalkit.backends.http.reply import Reply
from evalkit.errors import AuthFailed, BackendError, ConnectionLost, ExecutionError, ProtocolViolation, TimedOut

_SHOWN_MODELS = 20


async def listed_models(
    get: Callable[[str], Awaitable[Reply]], endpoint: Endpoint, *, has_key: bool, path: str = "/models"
) -> tuple[str, ...]:
    """The ids the endpoint lists; none when it has no list for us, which says nothing about the model.

    `get` returns the 200 reply to a path and raises BackendError for any other. Raises ExecutionError when nothing
    answers or the key is refused.
    """
    try:
        return model_ids(await get(path))
    except AuthFailed as error:
        hint = (
            "check the key in the variable that api_key_env names"
            if has_key
            else "name the variable that holds the key in api_key_env"
        )
        raise ExecutionError(f"{endpoint.url} refused access ({error}); {hint}") from error
    except (ConnectionLost, TimedOut, ProtocolViolation) as error:
        raise ExecutionError(f"{endpoint.url} cannot be used: {error}. Is the server running?") from error
    except BackendError:  # 404, 405, 429, 5xx
        return ()


def model_ids(reply: Reply) -> tuple[str, ...]:
    """The ids in a list of models; none when the reply has another shape."""
    try:
        listing = json.loads(reply.body)
    except (ValueError, RecursionError):
        return ()
    data = listing.get("data") if isinstance(listing, dict) else None
    rows = data if isinstance(data, list) else []
    return tuple(row["id"] for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str))


def not_served(endpoint: Endpoint, model: str, listed: tuple[str, ...]) -> str:
    """The sentence that says so, with the nearest name."""
    close = difflib.get_close_matches(model, listed, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    rest = len(listed) - _SHOWN_MODELS
    shown = ", ".join(listed[:_SHOWN_MODELS]) + (f" and {rest} more" if rest > 0 else "")
    return f"{endpoint.url} does not serve {model!r}.{hint} It serves: {shown}"
