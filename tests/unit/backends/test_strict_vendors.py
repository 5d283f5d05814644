"""Both vendors asked as their references say, answers held to a schema, and the cost what the vendor's bill says."""

import json

import pytest
from bench import label_of
from strict_vendors import StrictVendor
from vendors import entries, run_here, set_keys

SCHEMA = {
    "type": "object",
    "properties": {"colour": {"type": "string"}},
    "required": ["colour"],
    "additionalProperties": False,
}
SYSTEM = "You name the colour of an item. " * 8
PRICE = {"input": 3.0, "output": 15.0, "cached": 0.3}
WAYS = {
    "anthropic, by a tool": ("anthropic", {"structured": "tool", "price": PRICE | {"cache_write": 3.75}}),
    "anthropic, by a schema": ("anthropic", {"structured": "schema", "price": PRICE | {"cache_write": 3.75}}),
    "anthropic, no cache": ("anthropic", {"cache": False, "price": PRICE | {"cache_write": 3.75}}),
    "openai": ("openai", {"extra_body": {"logprobs": True, "top_logprobs": 2}, "price": PRICE}),
}


def say(model, prompt):
    index = int(prompt.rsplit(" ", 1)[-1])
    return {"colour": label_of(index if index < {"base": 20, "tuned": 35}[model] else index + 1)}


@pytest.mark.parametrize("way", WAYS)
def test_a_run_is_asked_and_billed_as_the_vendor_does(bench, monkeypatch, way):
    vendor, more = WAYS[way]
    monkeypatch.chdir(bench.folder)
    set_keys(monkeypatch)
    with StrictVendor(say) as server:
        models = entries(vendor, server.base_url, **more)
        suite = bench.write_suite(
            server.base_url,
            40,
            models={role: side | {"system": "system.md"} for role, side in models.items()},
            generation={"temperature": 0, "max_tokens": 32, "response_schema": "schema.json"},
        )
        (suite.parent / "schema.json").write_text(json.dumps(SCHEMA))
        (suite.parent / "system.md").write_text(SYSTEM)
        rows = [{"id": str(i), "text": f"item {i}", "label": {"colour": label_of(i)}} for i in range(40)]
        (suite.parent / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        document, _ = run_here(suite)
        billed = server.billed
    assert document["verdict"] == "ship"
    assert (document["primary"]["baseline_points"], document["primary"]["candidate_points"]) == (50.0, 87.5)
    for role, model in (("baseline", "base"), ("candidate", "tuned")):
        counts, prices = billed[model], more["price"]
        usd = (
            counts["fresh"] * prices["input"]
            + counts["read"] * prices["cached"]
            + counts["written"] * prices.get("cache_write", prices["input"])
            + counts["said"] * prices["output"]
        ) / 1e6
        assert document["cost"][role]["usd"] == pytest.approx(usd, abs=1e-6)
        assert (counts["read"] > counts["fresh"]) == ("no cache" not in way)
