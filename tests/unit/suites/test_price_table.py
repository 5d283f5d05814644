"""Prices by a dated table: who gets which, what stays unknown, and what a mistake in the file is told like."""

import datetime as dt
import re

import pytest
from bench import REPO

from evalkit.errors import UsageError
from evalkit.suites.price_table import PriceTable, price_warnings, with_prices
from evalkit.types import ModelSpec, Price

TODAY = dt.date(2026, 11, 23)
TABLE = PriceTable(
    as_of="2026-11-01",
    models={
        "gpt-4.1-mini": {"input": 0.4, "output": 1.6, "cached": 0.1},
        "ft:gpt-4.1*": {"input": 9.0, "output": 9.0},
        "ft:gpt-4.1-mini*": {"input": 0.8, "output": 3.2, "as_of": "2026-10-01"},
    },
)


def spec(model, **more):
    return ModelSpec(role="candidate", backend="openai", model=model, **more)


def priced(model, **more):
    return with_prices({"candidate": spec(model, **more)}, TABLE)["candidate"].price


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4.1-mini", Price(input=0.4, output=1.6, cached=0.1, as_of="2026-11-01")),
        ("ft:gpt-4.1-mini-2025-04-14:acme::b1", Price(input=0.8, output=3.2, as_of="2026-10-01")),
        ("ft:gpt-4.1-2025-04-14:acme::b1", Price(input=9.0, output=9.0, as_of="2026-11-01")),
        ("gpt-4.1-mini-2025-04-14", None),
        ("gpt-4.1", None),
    ],
)
def test_a_model_is_priced_by_its_name_or_the_longest_beginning(model, expected):
    assert priced(model) == expected


def test_a_price_of_its_own_wins_and_a_batch_costs_half():
    own = Price(input=1.0, output=2.0)
    assert priced("gpt-4.1-mini", price=own) is own
    assert priced("gpt-4.1-mini", options={"batch": True}).input == 0.2


def test_old_prices_and_missing_ones_are_told():
    def told(*specs, table=TABLE):
        return list(price_warnings({str(n): one for n, one in enumerate(specs)}, table, TODAY))

    fresh, old = (Price(input=1.0, output=1.0, as_of=day) for day in ("2026-05-27", "2026-05-26"))
    assert told(spec("gpt-4.1-mini", price=fresh), spec("x", price=Price(input=1.0, output=1.0))) == []
    assert "181 days ago" in told(spec("x", price=old), table=None)[0]
    assert "did you mean 'gpt-4.1-mini'" in told(spec("gpt-4.1-mimi"))[0]
    assert told(spec("x"), table=None) == []


def named(folder, table):
    folder.write("prices.yaml", table)
    folder.edit("metrics:", "prices: prices.yaml\nmetrics:")
    return folder


def test_a_suite_names_its_table_which_moves_no_score(folder):
    suite = named(folder, "as_of: 2020-01-01\nmodels:\n  tuned: {input: 1, output: 2}\n").load(
        overrides=["models.candidate.model=tuned"]
    )
    assert suite.models["candidate"].price == Price(input=1.0, output=2.0, as_of="2020-01-01")
    assert suite.models["baseline"].price is None
    assert not any("prices" in name for name in suite.digests)
    assert any("its prices are of 2020-01-01" in warning for warning in suite.warnings)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("as_of: 2020-01-01\nmodels:\n  tuned: {input: 1, ouput: 2}\n", r"prices\.yaml:3:21: .*'output'"),
        ("as_of: 2999-01-01\nmodels:\n  tuned: {input: 1, output: 2}\n", r"prices\.yaml:1:8: .*future"),
        ("models:\n  tuned: {input: 1, output: -2}\n", r"prices\.yaml:2:29: "),
        ("models:\n  tuned: {input: 1, output: 2}\n", r"prices\.yaml:.*as_of"),
        ("as_of: 2020-01-01\nmodels: {}\n", r"prices\.yaml:2:9: "),
        ("as_of: [\n", r"prices\.yaml:"),
    ],
)
def test_a_mistake_in_the_table_is_told_with_its_place(folder, table, words):
    with pytest.raises(UsageError, match=words):
        named(folder, table).load()


def test_a_table_that_is_not_there_is_told(folder):
    folder.edit("metrics:", "prices: price.yaml\nmetrics:")
    with pytest.raises(UsageError, match=r"suite\.yaml:\d+:\d+: prices: there is no file 'price\.yaml'"):
        folder.load()


def test_the_table_in_the_docs_can_be_copied(folder):
    page = (REPO / "docs" / "engines.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"```yaml\n(# prices\.yaml.*?)```", page, re.DOTALL)
    suite = named(folder, table).load(overrides=["models.candidate.model=ft:gpt-4.1-mini:acme"])
    assert suite.models["candidate"].price == Price(input=0.8, output=3.2, cached=0.2, as_of="2026-11-01")
