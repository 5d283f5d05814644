import codecs

import pytest

from evalkit.backends.hosted.batch_files import lines_of

LINES = b'{"a": 1}\nno line\n\n{"a": 2}'


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8], ids=["plain", "byte order mark"])
def test_each_line_is_read_and_what_is_none_is_left_out(mark):
    assert list(lines_of(mark + LINES, dict[str, int])) == [{"a": 1}, {"a": 2}]
