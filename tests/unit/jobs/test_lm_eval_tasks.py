"""Whether two files of lm-eval's are of one task, where their names do not tell."""

import json

import pytest

from evalkit.errors import UsageError
from evalkit.jobs.importing.lm_eval import from_lm_eval


def written(folder, name, doc, asked):
    row = {
        "doc_id": 0, "doc": doc, "target": "5", "arguments": [[asked, {}]],
        "resps": [["5"]], "filtered_resps": ["5"], "filter": "none",
    }  # fmt: skip
    path = folder / name
    path.write_text(json.dumps(row) + "\n")
    return path


@pytest.mark.parametrize(
    ("doc", "asked"),
    [({"q": "Q", "query": "<s>Q"}, "Q"), ({"q": "Q"}, "<user>Q"), ({"q": "Q"}, "Q")],
    ids=["a field more", "a template more", "alike"],
)
def test_renamed_files_of_one_task_are_compared(tmp_path, doc, asked):
    files = [written(tmp_path, "base.jsonl", {"q": "Q"}, "Q"), written(tmp_path, "tuned.jsonl", doc, asked)]
    assert from_lm_eval(files).name == "base"


def test_files_that_neither_hold_nor_ask_the_same_are_not(tmp_path):
    files = [written(tmp_path, "base.jsonl", {"q": "Q"}, "Q"), written(tmp_path, "tuned.jsonl", {"q": "R"}, "R")]
    with pytest.raises(UsageError, match="not of one task: document 0"):
        from_lm_eval(files)
