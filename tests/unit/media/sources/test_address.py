"""Addresses of sources: what may stand in them, and that their secrets are not shown."""

from __future__ import annotations

import pytest

from media.sources.address import BadAddress, SourceAddress, masked


def test_an_address_is_read_and_written() -> None:
    address = SourceAddress.parse(" RTSP://ad%20min:p%40ss@cam.example:8554/a/b?x=1&y=2 ")
    assert (address.scheme, address.host, address.port) == ("rtsp", "cam.example", 8554)
    assert (address.username, address.password) == ("ad min", "p@ss")
    assert address.target == "/a/b?x=1&y=2"
    assert address.full == "rtsp://ad%20min:p%40ss@cam.example:8554/a/b?x=1&y=2"
    assert address.plain == "rtsp://cam.example:8554/a/b?x=1&y=2"
    assert "p@ss" not in repr(address)


@pytest.mark.parametrize(
    ("text", "port"),
    [("rtsp://h", 554), ("rtsps://h/x", 322), ("rtmp://h/app/s", 1935), ("rtmps://h/a/s", 443)],
)
def test_each_scheme_has_its_port(text: str, port: int) -> None:
    assert SourceAddress.parse(text).port == port


def test_ipv6_keeps_its_brackets() -> None:
    assert SourceAddress.parse("rtsp://[2001:db8::1]:554/x").plain == "rtsp://[2001:db8::1]:554/x"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cam.example/x",
        "file:///etc/passwd",
        "http://cam/x",
        "concat:a|b",
        "rtsp://",
        "rtsp:///x",
        "rtsp://h:99999/x",
        "rtsp://h:port/x",
        "rtsp://[::1/x",
        "rtsp://h/a b",
        "rtsp://h/\r\nEvil: 1",
        "rtsp://h/摄像机",
        "rtsp://us%3Aer:x@h/",
        "rtsp://" + "h" * 3000,
        "rtsp://-h/x",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        SourceAddress.parse(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://h:554/live?token=abc&channel=1", "rtsp://h:554/live?token=***&channel=1"),
        ("rtsp://h:554/cam?user=admin&password=x_y&sub=0", "rtsp://h:554/cam?user=***&password=***&sub=0"),
        (
            "rtsp://h:554/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp",
            "rtsp://h:554/user=***_password=***_channel=1_stream=0.sdp",
        ),
        ("rtmp://h:1935/live/cam?access_key=a.b-c", "rtmp://h:1935/live/cam?access_key=***"),
        ("rtsp://h:554/Streaming/Channels/101", "rtsp://h:554/Streaming/Channels/101"),
    ],
)
def test_secrets_in_an_address_are_not_shown(text: str, shown: str) -> None:
    assert SourceAddress.parse(text).shown == shown
    assert masked(shown) == shown


def test_the_text_of_another_program_is_cleaned() -> None:
    address = SourceAddress.parse("rtsp://u:pass%40word@h:554/x")
    text = f"[Errno 5] Input/output error: '{address.full}' (pass@word)"
    cleaned = address.mask(text)
    assert "pass" not in cleaned
    assert "rtsp://h:554/x" in cleaned
