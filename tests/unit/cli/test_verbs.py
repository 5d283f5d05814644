import subprocess
import sys

from evalkit.cli.app import execute
from evalkit.cli.verbs import VERBS


def _loaded(arguments):
    code = (
        "import sys\nfrom evalkit.cli.app import execute\n"
        f"code = execute({arguments!r})\n"
        "print('loaded:', *sorted(m for m in sys.modules if m.startswith('evalkit.cli.')))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ended.stdout.splitlines()[-1].split()[1:]


def test_a_command_loads_its_own_verb_and_no_other():
    loaded = _loaded(["schema", "--json"])

    assert "evalkit.cli.schema" in loaded
    assert not {"evalkit.cli.init", "evalkit.cli.run", "evalkit.cli.judge"} & set(loaded)


def test_help_lists_all_verbs_in_their_order_whatever_ran_before(capsys):
    execute(["schema"])
    capsys.readouterr()

    assert execute(["--help"]) == 0

    lines = capsys.readouterr().out.partition("Commands:")[2].splitlines()
    assert tuple(line.split()[0] for line in lines if line[2:3].strip()) == VERBS


def test_a_mistyped_verb_is_told_the_one_that_was_meant(capsys):
    assert execute(["shcema"]) == 2
    assert "schema" in capsys.readouterr().err
