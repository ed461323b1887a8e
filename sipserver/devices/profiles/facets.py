"""What can be known about a kind of device, by name: the facets of a profile."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

VALUE_MAX_CHARS: Final = 200


class Facet(StrEnum):
    """One thing in which devices differ. The value of each is text, in the form that is given here."""

    CHARSET = "charset"  # of what we send: GB2312, GB18030 or UTF-8
    MEDIA_TRANSPORT = "media_transport"  # udp, tcp_passive or tcp_active
    SSRC = "ssrc"  # echoed, own, zero, constant or absent
    SCALES = "scales"  # accepted Scale values, joined by commas: 0.5,1,2,4
    SCALES_REFUSED = "scales_refused"  # likewise
    SEEK = "seek"  # npt (seconds from the start), clock, or none
    TIME_OFFSET_S = "time_offset_s"  # added to t= because the device counts in local time (Q73)
    SUBSTREAM = "substream"  # streamnumber, streamprofile, streamMode, stream, stream-word; several; or none
    CATALOG_QUIET_S = "catalog_quiet_s"  # silence after which a catalogue is taken as ended
    RECORD_TYPE = "record_type"  # Type of RecordInfo queries: all or absent
    KEYFRAME = "keyframe"  # IFameCmd, IFrameCmd or both
    CONFIG_TARGET = "config_target"  # device or channel (Q40)
    CONFIG_TYPES = "config_types"  # joined or single: how many types one ConfigDownload may ask for
    AUDIO = "audio"  # broadcast or talk (Q66)
    AUDIO_TRANSPORT = "audio_transport"  # udp or tcp
    START_LINE = "start_line"  # RTSP/1.0 or MANSRTSP/1.0 (Q71)
    CATALOG_NOTIFY = "catalog_notify"  # yes, or never: a subscription is accepted and nothing comes (Q46)
    MEDIA_STATUS = "media_status"  # yes, or never: no 121 at the end of a playback (Q69)
    EDITION = "edition"  # to act on instead of X-GB-Ver: 1.0, 1.1, 2.0 or 3.0


_NUMBERS: Final = r"-?[0-9]{1,3}(?:\.[0-9]{1,4})?(?:,-?[0-9]{1,3}(?:\.[0-9]{1,4})?){0,31}"
_SUBSTREAM: Final = "(?:streamnumber|streamprofile|streamMode|stream-word|stream)"

# What an operator may pin and a file may bring: whole match.
FORMS: Final[Mapping[Facet, str]] = {
    Facet.CHARSET: "GB2312|GBK|GB18030|UTF-8",
    Facet.MEDIA_TRANSPORT: "udp|tcp_passive|tcp_active",
    Facet.SSRC: "echoed|own|zero|constant|absent",
    Facet.SCALES: _NUMBERS,
    Facet.SCALES_REFUSED: _NUMBERS,
    Facet.SEEK: "npt|clock|none",
    Facet.TIME_OFFSET_S: r"-?[0-9]{1,5}(?:\.[0-9]{1,3})?",
    Facet.SUBSTREAM: rf"none|{_SUBSTREAM}(?:,{_SUBSTREAM}){{0,4}}",
    Facet.CATALOG_QUIET_S: r"[0-9]{1,3}(?:\.[0-9]{1,3})?",
    Facet.RECORD_TYPE: "all|absent",
    Facet.KEYFRAME: "IFameCmd|IFrameCmd|both",
    Facet.CONFIG_TARGET: "device|channel",
    Facet.CONFIG_TYPES: "joined|single",
    Facet.AUDIO: "broadcast|talk",
    Facet.AUDIO_TRANSPORT: "udp|tcp",
    Facet.START_LINE: r"RTSP/1\.0|MANSRTSP/1\.0",
    Facet.CATALOG_NOTIFY: "yes|never",
    Facet.MEDIA_STATUS: "yes|never",
    Facet.EDITION: r"1\.0|1\.1|2\.0|3\.0",
}


def is_suitable(facet: Facet, value: str) -> bool:
    """Whether the value has the form of this facet. Facets without a form take any short text."""
    form = FORMS.get(facet)
    if form is None:
        return 0 < len(value) <= VALUE_MAX_CHARS and value.isprintable()
    return re.fullmatch(form, value) is not None
