"""Takes the secrets out of a message before anybody is shown it.

Works on bytes, because what is shown may not parse, and keeps every length, so that Content-Length and the
offsets of a capture stay true. Masked are digest responses and other credentials of Authorization headers,
passwords and keys in documents and in addresses, and keys in session descriptions.
"""

import re
from typing import Final

# Header lines with their continuation lines. The digest's answer and, with it, what an attacker would need
# to try passwords at leisure.
_AUTHORIZATION: Final = re.compile(rb"(?im)^(?:Proxy-)?Authorization[ \t]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*")
_SCHEMES_IN_THE_OPEN: Final = re.compile(
    rb"(?i)(^[^:]*:\s*(?:Basic|Bearer)\s+)([^\s,][^\r\n]*)|\b((?:response|cnonce|password|sign[0-9]?)\s*=\s*\"?)([^\"\s,]+)"
)
# <Password>x</Password>, <NewPwd>x</NewPwd>, any prefix; the value ends at the next tag.
_ELEMENTS: Final = re.compile(
    rb"(?i)(<(?:[a-z0-9_]+:)?[a-z0-9_]{0,40}(?:password|passwd|pwd|passphrase)(?:\s[^<>]{0,200})?>)([^<]{1,4096})"
)
_ATTRIBUTES: Final = re.compile(
    rb"(?i)(\b[a-z0-9_]{0,40}(?:password|passwd|pwd|passphrase)\s{0,4}=\s{0,4}[\"'])([^\"'<>\r\n]{1,512})"
)
# rtsp://user:password@host, ftp://...
_USER_INFO: Final = re.compile(rb"(://[^\s/:@<>\"]{0,128}:)([^\s/@<>\"]{1,256})(?=@)")
# Addresses whose last part is the only key to them: where a device uploads to, or fetches firmware from.
_KEYED_ADDRESSES: Final = re.compile(
    rb"(https?://[^\s<>\"/]{1,256}(?:/[^\s<>\"/]{1,64}){0,4}?/[uf]/)([A-Za-z0-9_-]{8,})"
)
# k= of RFC 4566, and crypto attributes of RFC 4568.
_SDP_KEYS: Final = re.compile(
    rb"(?m)^(k=[a-z0-9]+:|a=crypto:[0-9]+ [A-Za-z0-9_]+ inline:|a=[a-z]*(?:password|pwd)[:=])([^\r\n]+)"
)


def masked(data: bytes) -> bytes:
    """The message with every secret replaced by as many ``*``."""
    data = _AUTHORIZATION.sub(_mask_credentials, data)
    for pattern in (_ELEMENTS, _ATTRIBUTES, _USER_INFO, _KEYED_ADDRESSES, _SDP_KEYS):
        data = pattern.sub(_mask_value, data)
    return data


def _mask_credentials(line: re.Match[bytes]) -> bytes:
    return _SCHEMES_IN_THE_OPEN.sub(_mask_parameter, line[0])


def _mask_parameter(match: re.Match[bytes]) -> bytes:
    if match[1] is not None:
        return match[1] + b"*" * len(match[2])
    return match[3] + b"*" * len(match[4])


def _mask_value(match: re.Match[bytes]) -> bytes:
    return match[1] + b"*" * len(match[2])
