"""`prices:` of suite.yaml: a dated file of list prices, for every side that states no price of its own.

What the file does not name stays unknown. Prices change several times a year, so that old ones are told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Annotated

from msgspec import structs
from pydantic import AfterValidator, Field, ValidationError

from evalkit.errors import UsageError
from evalkit.suites.diagnostics import Findings, did_you_mean
from evalkit.suites.fields import Section, Text, is_past_day
from evalkit.suites.files import MAX_TEXT_BYTES, Tree, decode, read_bytes
from evalkit.suites.paths import Refused
from evalkit.suites.pricing import priced
from evalkit.suites.side_schema import Price
from evalkit.suites.wording import explain
from evalkit.suites.yaml_source import Loc, parse
from evalkit.types import ModelSpec

STALE_DAYS = 180
_PAID = frozenset({"openai", "anthropic"})
"""Backends whose every model has a list price."""


class PriceTable(Section):
    """The whole file."""

    as_of: Annotated[str, AfterValidator(is_past_day)]
    source: Text | None = None
    models: Annotated[dict[str, Price], Field(min_length=1)]

    def of(self, model: str) -> Price | None:
        """The prices of that model, with their date: by its name, or by the longest `beginning*` that fits."""
        fitting = [name for name in self.models if name.endswith("*") and model.startswith(name[:-1])]
        found = self.models.get(model) or (self.models[max(fitting, key=len)] if fitting else None)
        return None if found is None else found.model_copy(update={"as_of": found.as_of or self.as_of})


def read_prices(text: str | None, tree: Tree, findings: Findings) -> PriceTable | None:
    """The table in that file; None where the suite names none, or after adding findings.

    Its digest is not noted: prices move no score.
    """
    loc: Loc = ("prices",)
    if text is None:
        return None
    path = tree.file(text)
    if isinstance(path, Refused):
        findings.at(loc, f"prices: {path.why}", help=path.help)
        return None
    shown = tree.show(path)
    try:
        own = Findings(parse(decode(read_bytes(path, shown, MAX_TEXT_BYTES), shown), shown))
        try:
            return PriceTable.model_validate(own.source.value)
        except ValidationError as error:
            places = {tuple(item["loc"])[:-1] for item in error.errors(include_url=False)}
            known = {place: tuple((Price if place else PriceTable).model_fields) for place in places}
            explain(error, (), known, own)
        own.raise_if_any()
    except UsageError as error:
        findings.extend(error.diagnostics)
    return None


def with_prices(models: Mapping[str, ModelSpec], table: PriceTable | None) -> dict[str, ModelSpec]:
    """The sides, those without a price of their own with the table's."""
    found = {}
    for role, spec in models.items():
        keys = table.of(spec.model) if table is not None and spec.price is None and spec.model else None
        found[role] = spec if keys is None else structs.replace(spec, price=priced(keys, spec.options))
    return found


def price_warnings(models: Mapping[str, ModelSpec], table: PriceTable | None, today: dt.date) -> Iterator[str]:
    """A sentence for each price that is old, and for each model that the table should have and has not."""
    for spec in models.values():
        if spec.price is not None and spec.price.as_of is not None:
            age = (today - dt.date.fromisoformat(spec.price.as_of)).days
            if age > STALE_DAYS:
                yield (
                    f"{spec.place}: its prices are of {spec.price.as_of}, {age:,} days ago: look them up again, and "
                    "date them anew."
                )
        elif spec.price is None and table is not None and spec.backend in _PAID and spec.model:
            near = did_you_mean(spec.model, table.models)
            yield f"{spec.place}: `prices` does not name '{spec.model}'{near}: what its answers cost is unknown."
