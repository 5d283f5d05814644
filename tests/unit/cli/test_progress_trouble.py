from evalkit.cli.progress import _row, _trouble
from evalkit.run.progress import SideProgress


def test_what_is_only_tried_again_is_told_with_its_reason():
    side = SideProgress(planned=60, retried=12, refusal="HTTP 429: slow down")
    assert _trouble(side) == " (12 tried again, the last after HTTP 429: slow down)"


def test_a_retry_now_and_then_is_no_news():
    assert not _trouble(SideProgress(planned=60, answered=50, retried=3, refusal="HTTP 429"))
    assert _trouble(SideProgress(planned=60, answered=50, failed=2)) == " (2 failed)"


def test_a_side_shows_what_is_counted_and_no_figure_for_what_is_not():
    side = SideProgress(planned=1200, answered=600, failed=2, in_flight=8, input_tokens=900, output_tokens=100, usd=1.5)
    shown = _row("candidate", side)
    assert shown.endswith("602/1,200  2 failed  8 in flight  1,000 tokens  $1.50")
    assert len(shown) <= 80
    assert _row("baseline", SideProgress(planned=60, answered=60)).endswith("━ 60/60")
