"""A run loads what judges and training data take only where its suite has them."""

import subprocess
import sys


def test_a_run_is_loaded_without_judges_and_without_the_search_for_training_data():
    code = (
        "import sys, evalkit.cli.run, evalkit.jobs.running.run\n"
        "print([name for name in sys.modules if name.startswith(('evalkit.judging', 'evalkit.jobs.judging', "
        "'evalkit.hygiene.contamination', 'evalkit.hygiene.index'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
