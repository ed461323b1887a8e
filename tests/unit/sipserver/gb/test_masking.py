"""No secret leaves the trace, and no length changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb.masking import masked

REGISTER = (
    b"REGISTER sip:34020000002000000001@3402000000 SIP/2.0\r\n"
    b'Authorization: Digest username="34020000001320000001", realm="3402000000", nonce="n-1",\r\n'
    b' uri="sip:34020000002000000001@3402000000", response="0123456789abcdef0123456789abcdef",\r\n'
    b'\talgorithm=MD5, cnonce="c0ffee", nc=00000001\r\n'
    b"Content-Length: 0\r\n\r\n"
)


def test_the_digest_s_answer_is_masked_also_in_a_continued_line() -> None:
    shown = masked(REGISTER)
    assert len(shown) == len(REGISTER)
    assert b'response="' + b"*" * 32 + b'"' in shown
    assert b'cnonce="******"' in shown
    assert b'username="34020000001320000001"' in shown
    assert b'nonce="n-1"' in shown
    assert shown.endswith(b"Content-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("message", "secret"),
    [
        (b"authorization : basic dXNlcjpzZWNyZXQ=\r\n", b"dXNlcjpzZWNyZXQ="),
        (b"Proxy-Authorization: Digest response=abcdef0123\r\n", b"abcdef0123"),
        (b"<Control><Password>hunter2</Password></Control>", b"hunter2"),
        (b"<a:NewPwd kind='x'>hunter2</a:NewPwd>", b"hunter2"),
        (b"<FtpPassword>\xc3\xdc\xc2\xeb</FtpPassword>", b"\xc3\xdc\xc2\xeb"),
        (b'<Upload UserPassword = "hunter2"/>', b"hunter2"),
        (b"<FileURL>ftp://admin:hunter2@10.1.1.1/x.bin</FileURL>", b"hunter2"),
        (b"v=0\r\nk=clear:hunter2\r\n", b"hunter2"),
        (b"<UploadURL>http://192.0.2.1:8080/u/Ab3_-xyz0123456789abcd</UploadURL>", b"xyz0123456789abcd"),
        (b"<FileURL>https://example.org/tongshi/f/Ab3_-xyz0123456789abcd/fw.bin</FileURL>", b"xyz0123"),
        (b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n", b"d0Rm"),
        (b"a=password:hunter2\r\n", b"hunter2"),
    ],
)
def test_each_place_of_a_secret_is_masked(message: bytes, secret: bytes) -> None:
    shown = masked(message)
    assert secret not in shown
    assert len(shown) == len(message)
    assert shown.strip(b"*") != b""


def test_what_is_no_secret_stays() -> None:
    for message in (
        b'SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm="3402000000", nonce="abc"\r\n\r\n',
        b"<Response><CmdType>Catalog</CmdType><Name>Password gate</Name></Response>",
        b"From: <sip:34020000001320000001@3402000000>;tag=1\r\nCall-ID: a@10.1.1.1\r\n",
        b"m=video 30000 RTP/AVP 96\r\na=recvonly\r\ny=0200000001\r\n",
    ):
        assert masked(message) == message


@given(st.binary(max_size=2000))
def test_any_bytes_keep_their_length(data: bytes) -> None:
    assert len(masked(data)) == len(data)


@given(
    st.from_regex(rb"[A-Za-z0-9]{6,40}", fullmatch=True),
    st.sampled_from([b"Password", b"oldpwd", b"x:PassWd"]),
)
def test_any_password_in_any_spelling_of_the_element_is_masked(secret: bytes, name: bytes) -> None:
    message = b"<Control><" + name + b">" + secret + b"</" + name + b"></Control>"
    assert b">" + secret + b"<" not in masked(message)
