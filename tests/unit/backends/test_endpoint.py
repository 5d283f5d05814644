import pytest

from evalkit.backends.http.endpoint import parse_endpoint
from evalkit.errors import ExecutionError


@pytest.mark.parametrize(
    ("url", "netloc", "path", "port"),
    [
        ("http://127.0.0.1:8000/v1", "127.0.0.1:8000", "/v1", 8000),
        ("http://localhost/v1/", "localhost", "/v1", 80),
        ("http://[::1]:9/v1", "[::1]:9", "/v1", 9),
        ("https://api.example.com/v1", "api.example.com", "/v1", 443),
        ("https://API.example.com", "api.example.com", "", 443),
    ],
)
def test_good_urls(url, netloc, path, port):
    endpoint = parse_endpoint(url, allow_http=False)
    assert (endpoint.netloc, endpoint.path, endpoint.port) == (netloc, path, port)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://10.0.0.5:8000/v1", "allow_http"),
        ("http://localhost.example.com/v1", "allow_http"),
        ("http://127.0.0.1.example.com/v1", "allow_http"),
        ("https://me:hunter2@example.com/v1", "api_key_env"),
        ("https://example.com/v1?key=1", "path"),
        ("https://example.com/v 1", "blanks"),
        ("ftp://example.com/v1", "https://host"),
        ("example.com/v1", "https://host"),
        ("http://[::1/v1", "no URL"),
        ("http://127.0.0.1:99999/v1", "no URL"),
        ("", "https://host"),
    ],
)
def test_bad_urls_are_refused_in_words(url, word):
    with pytest.raises(ExecutionError, match=word) as caught:
        parse_endpoint(url, allow_http=False)
    assert "hunter2" not in str(caught.value)


def test_plain_http_elsewhere_only_when_allowed():
    assert parse_endpoint("http://10.0.0.5:8000/v1", allow_http=True).url == "http://10.0.0.5:8000/v1"
    assert not parse_endpoint("https://10.0.0.5/v1", allow_http=False).is_loopback
