"""What a plug-in's backend says of its model is no reason to lose a run that was paid for."""

import json
from pathlib import Path

import numpy as np

from evalkit.report.document.evidence import identity_document
from evalkit.types import ModelIdentity


def test_facts_of_any_type_become_json():
    facts = {"threads": 2, "loss": np.float64(0.25), "weights": Path("base.gguf"), "seen": np.int64(7)}

    told = json.loads(json.dumps(identity_document(ModelIdentity(facts=facts))))

    assert told["facts"] == {"threads": 2, "loss": 0.25, "weights": "base.gguf", "seen": "7"}
