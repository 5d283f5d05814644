"""From a suite to outcomes to scores: plan, retry, engine, identity, scoring."""
