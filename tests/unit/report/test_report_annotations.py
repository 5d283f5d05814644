from evalkit.report.annotations import MOST, github_commands


def test_a_demand_that_was_not_met_is_an_error_at_its_line(documents):
    verdict = documents.make_verdict("dont_ship")
    told = github_commands(verdict)
    assert told[0].startswith("::error file=suites/review-triage/suite.yaml,title=evalkit::DON’T SHIP: ")
    assert told[1:] == tuple(line for line in told if ",line=" in line)
    rows = [row for row in verdict["asked"] if row["state"] == "regressed"]
    assert len(told) == 1 + len(rows)
    assert f"line={rows[-1]['line']},title=evalkit::every slice: asked loses at most 10 points; got " in told[-1]


def test_what_did_not_stop_a_release_is_a_warning(documents):
    verdict = documents.make_verdict("ship")
    verdict["asked"][2]["state"] = "regressed"
    assert [line.split(" ")[0] for line in github_commands(verdict)] == ["::notice", "::warning"]


def test_no_text_starts_another_command_or_another_property(documents):
    verdict = documents.make_verdict("dont_ship")
    verdict["headline"] = "100 % sure\n::stop-commands::x\r"
    verdict["suite_file"] = "a,line=9::b:c"
    verdict["asked"] *= 20
    told = github_commands(verdict)
    assert all("\n" not in line and "\r" not in line for line in told)
    assert told[0].startswith("::error file=a%2Cline=9%3A%3Ab%3Ac,title=evalkit::DON’T SHIP: 100 %25 sure")
    assert len(told) == 1 + MOST
