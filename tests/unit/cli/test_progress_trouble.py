from evalkit.cli.progress import _trouble
from evalkit.run.progress import SideProgress


def test_what_is_only_tried_again_is_told_with_its_reason():
    side = SideProgress(planned=60, retried=12, refusal="HTTP 429: slow down")
    assert _trouble(side) == " (12 tried again, the last after HTTP 429: slow down)"


def test_a_retry_now_and_then_is_no_news():
    assert not _trouble(SideProgress(planned=60, answered=50, retried=3, refusal="HTTP 429"))
    assert _trouble(SideProgress(planned=60, answered=50, failed=2)) == " (2 failed)"
