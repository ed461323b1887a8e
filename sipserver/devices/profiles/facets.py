"""What can be known about a kind of device, by name: the facets of a profile."""

from __future__ import annotations

from enum import StrEnum


class Facet(StrEnum):
    """One thing in which devices differ. The value of each is text, in the form that is given here."""

    CHARSET = "charset"  # of what we send: GB2312, GB18030 or UTF-8
    MEDIA_TRANSPORT = "media_transport"  # udp, tcp_passive or tcp_active
    SSRC = "ssrc"  # echoed, own, zero, constant or absent
    SCALES = "scales"  # accepted Scale values, joined by commas: 0.5,1,2,4
    SCALES_REFUSED = "scales_refused"  # likewise
    SEEK = "seek"  # npt (seconds from the start), clock, or none
    TIME_OFFSET_S = "time_offset_s"  # added to t= because the device counts in local time (Q73)
    SUBSTREAM = "substream"  # streamnumber, streamprofile, streamMode, stream, stream-word or none
    CATALOG_QUIET_S = "catalog_quiet_s"  # silence after which a catalogue is taken as ended
    RECORD_TYPE = "record_type"  # Type of RecordInfo queries: all or absent
    KEYFRAME = "keyframe"  # IFameCmd, IFrameCmd or both
    CONFIG_TARGET = "config_target"  # device or channel (Q40)
    AUDIO = "audio"  # broadcast or talk (Q66)
    AUDIO_TRANSPORT = "audio_transport"  # udp or tcp
    START_LINE = "start_line"  # RTSP/1.0 or MANSRTSP/1.0 (Q71)
    CATALOG_NOTIFY = "catalog_notify"  # yes, or never: a subscription is accepted and nothing comes (Q46)
    MEDIA_STATUS = "media_status"  # yes, or never: no 121 at the end of a playback (Q69)
    SEND_DATE = "send_date"  # yes or no (Q7)
