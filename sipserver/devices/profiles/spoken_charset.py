"""In which charset a device is answered: the one in which it writes itself."""

from __future__ import annotations

from typing import Final

from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.profiles import Profiles
from sipserver.gb.charset import GB2312, GB18030, GBK
from sipserver.gb.manscdp import Document

_FAMILY: Final = frozenset({GB2312, GBK, GB18030})


def learn_charset(profiles: Profiles, device_id: str, document: Document, body: bytes) -> None:
    """Only bytes beyond ASCII prove anything; within the GB family every label will do."""
    if body.isascii():
        return
    known = profiles.value(device_id, Facet.CHARSET) or GB2312
    if document.charset == known or (document.charset in _FAMILY and known in _FAMILY):
        return
    evidence = f"wrote {document.root} {document.cmd_type[:40]} in {document.charset}"
    profiles.learn(device_id, Facet.CHARSET, document.charset, evidence)
