"""A backend that refuses its own entry is told at that entry's place."""

import pytest
from suite_folder import Folder

from evalkit.errors import UsageError
from evalkit.jobs.running.run import RunOptions, run
from evalkit.run.progress import Progress


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{backend: openai, model: m, batch: 'yes'}", "models.baseline.batch: must be true or false"),
        ("{backend: vllm, model: org/x, args: {host: h}}", "models.baseline.args.host is no argument"),
    ],
)
def test_the_place_is_told(folder: Folder, entry, words, tmp_path):
    text = folder.text("suite.yaml") if hasattr(folder, "text") else (folder.path / "suite.yaml").read_text()
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.strip().startswith("baseline:"))
    lines[at] = f"  baseline: {entry}"
    (folder.path / "suite.yaml").write_text("\n".join(lines) + "\n")
    with pytest.raises(UsageError) as caught:
        run(RunOptions(suite_path=folder.path / "suite.yaml", command="evalkit run", out=tmp_path / "out"), Progress())
    told = str(caught.value)
    assert f"suite.yaml:{at + 1}:" in told
    assert words in told
    assert "^" in told
