"""A check: held-out samples that carry an e-mail address somebody forgot to remove."""

import json
import re

from evalkit.types import Finding

ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[a-z]{2,10}", re.IGNORECASE)


class Addresses:
    """`checks: {plugins: [{type: addresses, action: clean, allowed: [help@example.com]}]}`"""

    def __init__(self, spec):
        self.allowed = set(spec.options.get("allowed", []))

    def inspect(self, suite):
        found = {}
        for sample in suite.samples:
            addresses = set(ADDRESS.findall(json.dumps(dict(sample.fields)))) - self.allowed
            if addresses:
                found[sample.id] = min(addresses)
        return Finding(detail=f"{len(found)} samples hold an e-mail address" if found else "", samples=found)
