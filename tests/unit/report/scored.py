"""A run's facts as the blocks of verdict.json take them, reduced to its table of scores."""

from types import SimpleNamespace

import numpy as np


def graded_table(**metrics):
    """metric=(baseline's scores, candidate's scores), NaN for what was not scored."""
    columns = {
        role: {name: SimpleNamespace(values=np.array(pair[at], dtype=float)) for name, pair in metrics.items()}
        for at, role in enumerate(("baseline", "candidate"))
    }
    return SimpleNamespace(table=SimpleNamespace(columns=columns))
