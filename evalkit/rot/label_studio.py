"""Label Studio's JSON, out and back in (https://labelstud.io/guide/export#Label-Studio-JSON-format-of-annotated-tasks)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from evalkit.rot.labels import Label
from evalkit.types import JsonValue

WHOLE = "label"
"""The name of the one control where the target has no parts."""
_TWO = 2


def tasks(queue: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The queue as tasks to import, with how many people are to label each.

    The answer production gave is in them only where it may be seen.
    """
    return [
        {"data": {"id": item["id"], "text": item["text"], "suggested": _shown(item["suggested"]),
                  "people": _TWO if item["double"] else 1}}
        for item in queue
    ]  # fmt: skip


def labelling_config(choices: Mapping[str, Sequence[str]], parts: Collection[str] = ()) -> str:
    """The labelling interface: a list of choices for each part of the target that has them, else a field to fill in."""
    controls = []
    for name in [*choices, *(one for one in parts if one and one not in choices)]:
        if name not in choices:
            controls.append(f"<Header value={quoteattr(name)}/><TextArea name={quoteattr(name)} "
                            'toName="text" maxSubmissions="1"/>')  # fmt: skip
            continue
        labels = choices[name]
        entries = "".join(f"<Choice value={quoteattr(label)}/>" for label in labels)
        controls.append(f'<Header value={quoteattr(name or "Label")}/><Choices name={quoteattr(name or WHOLE)} '
                        f'toName="text" choice="single">{entries}</Choices>')  # fmt: skip
    if not controls:
        controls.append(f'<TextArea name="{WHOLE}" toName="text" maxSubmissions="1"/>')
    head = '<Text name="text" value="$text"/><Text name="suggested" value="$suggested"/>'
    return f"<View>{head}{''.join(controls)}</View>\n"


def labels_in(exported: Sequence[Any]) -> Iterator[Label]:
    """What people said in an export, annotation by annotation. A cancelled one (skipped) leaves its sample out."""
    for task in exported:
        data = task.get("data") if isinstance(task, dict) else None
        if not isinstance(data, dict) or not isinstance(data.get("id"), str):
            continue
        for annotation in task.get("annotations") or []:
            if not isinstance(annotation, dict):
                continue
            by = _person(annotation.get("completed_by"))
            if annotation.get("was_cancelled"):
                yield Label(id=data["id"], by=by, skip="skipped in Label Studio")
            elif (label := _label(annotation.get("result"))) is not None:
                yield Label(id=data["id"], by=by, label=label)


def _label(result: Any) -> JsonValue:
    """One value of the only control, or an object of several."""
    found: dict[str, JsonValue] = {}
    for part in result if isinstance(result, list) else []:
        value = part.get("value") if isinstance(part, dict) else None
        said = (value.get("choices") or value.get("text")) if isinstance(value, dict) else None
        if said:
            found[str(part.get("from_name"))] = said[0] if isinstance(said, list) else said
    if not found:
        return None
    return found[WHOLE] if set(found) == {WHOLE} else found


def _person(found: Any) -> str:
    if isinstance(found, dict):
        return str(found.get("email") or found.get("username") or found.get("id"))
    return f"user {found}"


def _shown(suggested: JsonValue) -> str:
    return "" if suggested is None else suggested if isinstance(suggested, str) else json.dumps(suggested)
