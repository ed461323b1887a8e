"""Faults by name: how a simulated device can go wrong on purpose.

A plain table. A fault changes a few fields of ``Behaviour``; the device reads these and knows no fault by
name. Where a fault has a measure, it can be given: ``late-stream=4``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sipserver.simulator.errors import UnknownFault


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a device does where devices are known to differ."""

    ssrc_offset: int = 0
    """Added to the agreed SSRC in the RTP headers."""
    with_map: bool = True
    """Whether a program stream map stands before key frames."""
    password_suffix: str = ""
    contact_host: str = ""
    """The host in the Contact of REGISTER, instead of the own one."""
    registers_as_platform: bool = False
    """From names the platform's id: the factory setting was not changed."""
    registers_without_tag: bool = False
    """From has no tag."""
    digest_uri: str = ""
    """The uri in Authorization, instead of the Request-URI."""
    repeats_credentials: bool = False
    """A refresh begins with the credentials of last time, whose nonce is used up."""
    empty_keepalives: bool = False
    answers_invite: bool = True
    stream_delay_s: float = 0.0
    """From ACK to the first packet."""
    refusal: int = 0
    """Status with which INVITE is refused; 0: it is not."""
    busy_at_first: bool = False
    """The first INVITE gets 486."""
    announces_invite: bool = False
    """101 Dialog Establishment comes before 200."""
    answer_host: str = ""
    """The c= of the answer, instead of the own address."""
    answer_garbled: bool = False
    """The answer is no SDP."""
    tcp_answer: str = "tcp"
    """To an offer over TCP: ``tcp``, ``udp`` (RTP/AVP), ``refused`` (488), ``silent`` (no connection)."""
    ignores_substream: bool = False
    """The main picture is sent, whichever stream was asked for."""
    udp_blocked: bool = False
    """Nothing that is sent over UDP arrives."""
    states_setup: bool = True
    states_ssrc: bool = True
    """Whether the answer has a y= line."""
    own_ssrc: bool = False
    """The answer has a y= of its own, and RTP uses it."""
    fixed_ssrc: int = -1
    """In every RTP packet, whatever was agreed; -1: what was agreed."""
    media_host: str = ""
    """RTP leaves from this address instead."""
    vendor_stream: str = ""
    """The encoding name in the answer, and no program stream."""
    picture_fault: str = ""
    """One of ``spoilt.PICTURE_FAULTS``."""
    packet_fault: str = ""
    """One of ``spoilt.PACKET_FAULTS``."""
    interleaved: bool = False
    """RTP over TCP is framed as in RTSP."""
    broadcast_responds: bool = True
    """Whether a broadcast notice gets a Response."""
    broadcast_invites: bool = True
    """Whether it gets an INVITE."""
    broadcast_refused: bool = False
    """The Response says ERROR and no INVITE comes."""
    broadcast_offers_late: bool = False
    """The INVITE has no description; ours is in the ACK."""
    broadcast_names_devices: bool = False
    """Subject of that INVITE: platform and device, not the ids of the notice."""
    broadcast_counts_channels: bool = False
    """The rtpmap says PCMA/8000/1."""
    wants_format_line: bool = False
    """A description without f= and y= is hung up on."""
    talk_refused: bool = False
    talk_over_udp_only: bool = False
    talk_announces: bool = False
    """101 Dialog Establishment comes before 200."""
    talk_answers: bool = True
    silent_control: bool = False
    """Commands are obeyed, and answered with 200 only."""
    answers_everything: bool = False
    """Commands that need no answer get one as well."""
    fails_control: bool = False
    """Commands are answered with Result ERROR and not obeyed."""
    sn_offset: int = 0
    """Added to the SN of the answers to commands."""
    deaf_to: tuple[str, ...] = ()
    """Spellings of the key frame request that are taken and not obeyed."""
    lists_every_preset: bool = False
    alarm_repeat_s: float = 0.0
    """Period in which an alarm is sent again and again until it is reset; 0: it is sent once."""
    alarms_need_guard: bool = False
    """No alarm leaves before SetGuard."""
    every_alarm_needs_reset: bool = False
    """Not only a device alarm: no method reports again before ResetAlarm."""
    home_answer_name: str = ""
    """CmdType of the answer to HomePositionQuery, where it is another."""
    ignores_record_query: bool = False
    record_needs_type: bool = False
    """RecordInfo without Type finds nothing."""
    record_refuses_type: bool = False
    """RecordInfo with Type finds nothing."""
    record_cap: int = 0
    """Most lines in an answer to RecordInfo; 0: all."""
    loses_record_fragment: bool = False
    shuffles_records: bool = False
    """Parts of an answer come last first, and twice."""
    hides_end: bool = False
    """No MediaStatus at the end of a playback."""
    end_outside_dialog: bool = False
    bye_at_end: bool = False
    refuses_scale: bool = False
    ignores_scale: bool = False
    refuses_seek: bool = False
    old_start_line: bool = False
    """Only MANSRTSP/1.0 is understood in INFO."""
    early_playback_s: float = 0.0
    """A playback begins so much before what was asked for."""
    catalog_notify_as_response: bool = False
    """Catalogue notifications have root Response."""
    notifies_outside_dialog: bool = False
    """Each NOTIFY has a Call-ID of its own."""
    subscription_forgotten_s: float = 0.0
    """Subscriptions are lost after so long, without a word; 0: never."""
    never_notifies: bool = False
    """SUBSCRIBE is accepted, and nothing ever comes."""
    positions_by_message: bool = False
    """Positions come flat and by MESSAGE."""
    has_no_fix: bool = False
    """Positions are 0/0."""
    knows_presence_only: bool = False
    """Event: presence, or 489."""
    time_shift_s: int = 0
    """t= is taken for local time, ahead of UTC by so much."""
    stated_size_bytes: int = 0
    """a=filesize in the answer to a download; 0: none."""
    basic_param_restarts: bool = False
    """BasicParam is applied by registering anew, without a Response."""
    config_for_device_only: bool = False
    """Settings are asked for and changed with the device's id alone; a channel's id is passed over."""
    config_draft_names: bool = False
    snapshot_block_name: str = ""
    """Element of the snapshot settings in answers, where it is another."""
    config_silent_types: bool = False
    """A type that is not known is not answered, instead of Result ERROR."""
    config_first_type_only: bool = False
    """Of several joined types only the first is answered."""
    config_one_answer: bool = False
    """Several joined types come back in one document."""
    upload_style: str = "post"
    """One of ``stills._STYLES``."""
    upload_missing: int = 0
    """So many stills of a burst are never taken."""
    upload_broken: bool = False
    """Stills are cut off in the middle."""
    upload_notice: bool = True
    """Whether the end of a burst is told."""
    upgrade_failure: int = 0
    """Code with which an upgrade fails; 0: it succeeds."""
    upgrade_silent: bool = False
    """The result of an upgrade is never told."""
    changes_port: bool = False
    """Once registered, everything comes from another port."""
    waits_for_refusal: bool = False
    """Unanswered keepalives do not make it register again, only a refusal does."""
    needs_sha256: bool = False
    """Other challenges are not answered."""
    sends_junk: bool = False
    """Between keepalives come packets that are no SIP."""
    content_type: str = ""
    """Of its documents, instead of ours."""
    lost_above_bytes: int = 0
    """Documents that are longer never arrive over UDP; 0: all do."""
    document_fault: str = ""
    """One of ``odd_documents.DOCUMENT_FAULTS``."""
    catalog_fault: str = ""
    """One of ``odd_catalog.ITEM_FAULTS`` or ``ANSWER_FAULTS``."""
    bye_status: int = 200
    strict_offer: bool = False
    """An INVITE whose lines are out of order, or whose y= has not ten digits, is not answered."""
    streams_before_ack: bool = False
    keeps_sending: bool = False
    """BYE is answered, and media goes on."""
    substream_form: str = ""
    """The line that asks for the smaller picture, one of ``gb.substream.FORMS``; empty: see settings."""
    pack_fault: str = ""
    """One of ``odd_packs.PACK_FAULTS``."""
    tcp_prefix_bytes: int = 0
    """Bytes before the first packet of a connection."""
    tcp_garbage: bool = False
    """Bytes between packets of a connection that belong to none."""
    reports_needed_s: float = 0.0
    """A stream stops when no RTCP report came for so long; 0: it never does."""

    @property
    def spoils_packets(self) -> bool:
        return bool(self.packet_fault or self.interleaved or self.tcp_prefix_bytes or self.tcp_garbage)


@dataclass(frozen=True, slots=True)
class Fault:
    """A named change of behaviour, and what it imitates."""

    imitates: str
    changes: Mapping[str, Any]
    measure: str = ""
    """The field of ``Behaviour`` that a number after ``=`` sets; empty: this fault takes none."""


FAULTS: Final[Mapping[str, Fault]] = {
    "refuse": Fault("INVITE is refused, as by a device that is busy", {"refusal": 486}, "refusal"),
    "stale-dialog": Fault("486 at first: a dialog of an earlier run hangs (Q17)", {"busy_at_first": True}),
    "announces": Fault("101 Dialog Establishment before 200 (Q15)", {"announces_invite": True}),
    "private-sdp": Fault(
        "the answer names an address of another network, and nothing comes",
        {"answer_host": "10.255.255.1", "udp_blocked": True, "tcp_answer": "silent"},
    ),
    "garbled-sdp": Fault("the answer cannot be read", {"answer_garbled": True}),
    "udp-only": Fault("RTP/AVP answers an offer over TCP (Q61)", {"tcp_answer": "udp"}),
    "tcp-refused": Fault("an offer over TCP is refused with 488", {"tcp_answer": "refused"}),
    "tcp-blocked": Fault("TCP is agreed, and no connection comes", {"tcp_answer": "silent"}),
    "udp-blocked": Fault("a firewall between us lets no UDP through", {"udp_blocked": True}),
    "ignores-substream": Fault(
        "the main picture comes for the sub-stream, in whatever form it is asked for (Q62, Q63)",
        {"ignores_substream": True},
    ),
    "no-setup": Fault("the answer over TCP has no a=setup (Q60)", {"states_setup": False}),
    "no-y": Fault("the answer has no y= (Q58)", {"states_ssrc": False}),
    "own-y": Fault("the answer has a y= of its own (Q55)", {"own_ssrc": True}),
    "zero-ssrc": Fault("RTP has the SSRC 0 (Q56)", {"fixed_ssrc": 0}),
    "constant-ssrc": Fault("RTP has the same SSRC in all streams (Q57)", {"fixed_ssrc": 7}, "fixed_ssrc"),
    "other-source": Fault("RTP comes from another address than SIP", {"media_host": "127.0.0.2"}),
    "vendor-stream": Fault(
        "a proprietary stream (Q95)", {"vendor_stream": "DAHUA", "packet_fault": "no-pack"}
    ),
    "no-rtp": Fault("something else than RTP is sent", {"packet_fault": "no-rtp"}),
    "no-pack": Fault("RTP without a program stream in it", {"packet_fault": "no-pack"}),
    "no-keyframe": Fault("no key frame ever comes", {"picture_fault": "no-keyframe"}),
    "late-keyframe": Fault(
        "the first key frame comes after a whole group of pictures (Q99)", {"picture_fault": "late-keyframe"}
    ),
    "encrypted": Fault("stream encryption is on", {"picture_fault": "encrypted"}),
    "audio-promised": Fault("sound is announced and does not come", {"picture_fault": "silent"}),
    "thin-bandwidth": Fault("three packets in ten are lost on the way", {"packet_fault": "lossy"}),
    "doubled-packets": Fault("every packet comes twice (Q103)", {"packet_fault": "doubled"}),
    "all-markers": Fault("the marker is set in every packet (Q92)", {"packet_fault": "marker"}),
    "no-timestamp": Fault("the RTP timestamp never moves (Q93)", {"packet_fault": "no-timestamp"}),
    "interleaved": Fault("RTP over TCP behind $ as in RTSP (Q96)", {"interleaved": True}),
    "wrong-ssrc": Fault("RTP does not carry the y= value (Q56)", {"ssrc_offset": 1}),
    "no-psm": Fault("no program stream map (Q90)", {"with_map": False}),
    "lan-contact": Fault(
        "the Contact of REGISTER names an address of another network (Q1)", {"contact_host": "10.255.255.1"}
    ),
    "platform-id": Fault("it registers with the platform's own id (Q4)", {"registers_as_platform": True}),
    "no-from-tag": Fault("From of REGISTER has no tag (Q19)", {"registers_without_tag": True}),
    "odd-digest-uri": Fault(
        "the uri in Authorization is not the Request-URI (Q13)",
        {"digest_uri": "sip:34020000002000000001@10.255.255.1:5060"},
    ),
    "old-nonce": Fault("a refresh begins with used credentials (Q12)", {"repeats_credentials": True}),
    "empty-keepalive": Fault("keepalives have lost their body (Q3)", {"empty_keepalives": True}),
    "wrong-password": Fault("the password was mistyped", {"password_suffix": "-wrong"}),
    "talk-only": Fault(
        "no broadcast, only s=Talk, announced by 101 (Q66)",
        {"broadcast_refused": True, "talk_announces": True},
    ),
    "no-loudspeaker": Fault(
        "broadcast is refused in the Response, talk with 488",
        {"broadcast_refused": True, "talk_refused": True},
    ),
    "deaf": Fault(
        "a broadcast notice gets 200 and nothing else, talk 488",
        {"broadcast_responds": False, "broadcast_invites": False, "talk_refused": True},
    ),
    "no-broadcast-response": Fault(
        "INVITE comes without the Response to the notice (Q67)", {"broadcast_responds": False}
    ),
    "broadcast-device-ids": Fault(
        "Subject of the broadcast INVITE names devices (Q65)", {"broadcast_names_devices": True}
    ),
    "pcma-channels": Fault("rtpmap PCMA/8000/1 (Q64)", {"broadcast_counts_channels": True}),
    "late-offer": Fault("the broadcast INVITE holds no SDP", {"broadcast_offers_late": True}),
    "wants-f-line": Fault("hangs up on an answer without f= or y= (Q77)", {"wants_format_line": True}),
    "talk-udp-only": Fault("s=Talk over TCP is refused with 488", {"talk_over_udp_only": True}),
    "talk-silent": Fault("s=Talk is never answered", {"talk_answers": False}),
    "catalog-notify-response": Fault(
        "catalogue notifications with root Response, as in 2011 (Q43)", {"catalog_notify_as_response": True}
    ),
    "notify-out-of-dialog": Fault(
        "each NOTIFY has a Call-ID of its own (Q44)", {"notifies_outside_dialog": True}
    ),
    "forgets-subscriptions": Fault(
        "subscriptions are lost without a word (Q45)",
        {"subscription_forgotten_s": 2.0},
        "subscription_forgotten_s",
    ),
    "never-notifies": Fault(
        "SUBSCRIBE is accepted and nothing is ever notified (Q46)", {"never_notifies": True}
    ),
    "positions-by-message": Fault(
        "positions come flat and by MESSAGE, whatever the edition (Q47)", {"positions_by_message": True}
    ),
    "no-fix": Fault("positions are 0/0 (Q48)", {"has_no_fix": True}),
    "presence-only": Fault(
        "SUBSCRIBE gets 489 unless it says Event: presence", {"knows_presence_only": True}
    ),
    "no-answer": Fault("INVITE is never answered", {"answers_invite": False}),
    "late-stream": Fault(
        "media starts long after ACK, as from a sleeping camera", {"stream_delay_s": 8.0}, "stream_delay_s"
    ),
    "alarm-storm": Fault("an alarm is repeated each second (Q49)", {"alarm_repeat_s": 1.0}, "alarm_repeat_s"),
    "alarm-waits-for-reset": Fault(
        "only the first alarm comes before ResetAlarm, whatever its method (Q50)",
        {"every_alarm_needs_reset": True},
    ),
    "alarm-needs-guard": Fault("no alarm before SetGuard", {"alarms_need_guard": True}),
    "silent-control": Fault("commands get 200 and never a Response", {"silent_control": True}),
    "answers-everything": Fault("commands without an answer get one", {"answers_everything": True}),
    "failing-control": Fault("commands are answered with Result ERROR", {"fails_control": True}),
    "changed-sn": Fault("the answer to a command has another SN (Q28)", {"sn_offset": 1_000_000}),
    "old-keyframe": Fault("knows the spelling IFameCmd alone (Q42)", {"deaf_to": ("IFrameCmd",)}),
    "all-presets": Fault("lists 255 presets, most without a name (Q51)", {"lists_every_preset": True}),
    "home-name": Fault("another name in an answer (Q39)", {"home_answer_name": "HomePosition"}),
    "no-record-answer": Fault("RecordInfo is taken and not answered", {"ignores_record_query": True}),
    "record-needs-type": Fault("RecordInfo without Type finds nothing (Q37)", {"record_needs_type": True}),
    "record-refuses-type": Fault(
        "RecordInfo with Type finds nothing (Q37 turned round)", {"record_refuses_type": True}
    ),
    "record-cap": Fault("RecordInfo is cut off without a word (Q38)", {"record_cap": 500}, "record_cap"),
    "record-loss": Fault("a part of a RecordInfo answer is lost (Q30)", {"loses_record_fragment": True}),
    "record-shuffle": Fault("parts of an answer out of order and twice", {"shuffles_records": True}),
    "no-media-status": Fault("the end of a playback is not told (Q69)", {"hides_end": True}),
    "media-status-outside": Fault(
        "MediaStatus comes outside the dialog, from the device (Q68)", {"end_outside_dialog": True}
    ),
    "bye-at-end": Fault("BYE instead of MediaStatus at the end", {"bye_at_end": True}),
    "scale-refused": Fault("Scale is answered 400 (Q70)", {"refuses_scale": True}),
    "scale-ignored": Fault("Scale is answered 200 and ignored (Q70)", {"ignores_scale": True}),
    "no-seek": Fault("a change of position is answered 400", {"refuses_seek": True}),
    "old-mansrtsp": Fault("the start line RTSP/1.0 is refused (Q71)", {"old_start_line": True}),
    "early-playback": Fault(
        "playback begins before what was asked for (Q72)", {"early_playback_s": 10.0}, "early_playback_s"
    ),
    "local-time": Fault("t= is taken for local time (Q73)", {"time_shift_s": 28_800}, "time_shift_s"),
    "states-size": Fault(
        "a=filesize in the answer to a download", {"stated_size_bytes": 1_000_000}, "stated_size_bytes"
    ),
    "basic-param-restarts": Fault(
        "BasicParam is applied by registering anew, without a Response (Q23)", {"basic_param_restarts": True}
    ),
    "config-device-only": Fault(
        "settings only by the device's id, not the channel's (Q40)", {"config_for_device_only": True}
    ),
    "config-draft-names": Fault("configuration blocks under other names (Q41)", {"config_draft_names": True}),
    "snapshot-block-name": Fault(
        "the snapshot settings come back as SnapShot (Q52)", {"snapshot_block_name": "SnapShot"}
    ),
    "config-silent-types": Fault("unknown ConfigTypes are not answered", {"config_silent_types": True}),
    "config-first-type": Fault(
        "of joined ConfigTypes only the first is answered", {"config_first_type_only": True}
    ),
    "config-one-answer": Fault("joined ConfigTypes come in one answer", {"config_one_answer": True}),
    "upload-put": Fault("stills by PUT, named in the path", {"upload_style": "put"}),
    "upload-query": Fault("stills by POST, named in the query", {"upload_style": "query"}),
    "upload-multipart": Fault("stills as a form", {"upload_style": "multipart"}),
    "upload-bare": Fault("stills without name and type", {"upload_style": "bare"}),
    "upload-missing": Fault("not all stills are taken", {"upload_missing": 1}, "upload_missing"),
    "upload-broken": Fault("stills are cut off in the middle", {"upload_broken": True}),
    "no-upload-notice": Fault("the end of a burst is not told", {"upload_notice": False}),
    "upgrade-fails": Fault("an upgrade fails, with this code", {"upgrade_failure": 2}, "upgrade_failure"),
    "upgrade-silent": Fault("the result of an upgrade is never told", {"upgrade_silent": True}),
    "new-port": Fault("another port after registration, as behind a NAT (Q2)", {"changes_port": True}),
    "large-lost": Fault(
        "documents longer than this are lost over UDP (Q10)", {"lost_above_bytes": 1_300}, "lost_above_bytes"
    ),
    "waits-for-refusal": Fault(
        "it registers again when a keepalive is refused, not when it is ignored (Q11)",
        {"waits_for_refusal": True},
    ),
    "sha-256": Fault("only a SHA-256 challenge is answered (Q14)", {"needs_sha256": True}),
    "bye-481": Fault("BYE is answered with 481 (Q18)", {"bye_status": 481}),
    "junk": Fault("packets of zeros and line ends between keepalives (Q20)", {"sends_junk": True}),
    "xml-type": Fault("documents are of type application/Xml (Q24)", {"content_type": "application/Xml"}),
    "raw-markup": Fault("raw & and < in names (Q25)", {"document_fault": "raw-markup"}),
    "mislabelled": Fault("documents say GB2312 and are UTF-8 (Q26)", {"document_fault": "mislabelled"}),
    "head-attributes": Fault(
        "CmdType and SN are attributes of the root (Q27)", {"document_fault": "attributes"}
    ),
    "catalog-loss": Fault("the last part of a catalogue is lost (Q30)", {"catalog_fault": "lost-fragment"}),
    "small-sum": Fault("SumNum of a catalogue is too small (Q31)", {"catalog_fault": "small-sum"}),
    "vendor-words": Fault("Parental 65535 and Status ONLINE (Q32)", {"catalog_fault": "vendor-words"}),
    "parent-platform": Fault("ParentID is the platform's id (Q33)", {"catalog_fault": "parent-platform"}),
    "several-parents": Fault("ParentID holds several ids (Q34)", {"catalog_fault": "several-parents"}),
    "civil-code": Fault("CivilCode is empty, null, too long, a name (Q35)", {"catalog_fault": "civil-code"}),
    "organisation-parent": Fault(
        "a virtual organisation below its business group by ParentID (Q36)", {"catalog_fault": "organisation"}
    ),
    "alarm-status-case": Fault("AlarmStatus, not Alarmstatus (Q53)", {"document_fault": "alarm-status"}),
    "strict-sdp": Fault(
        "an INVITE with lines out of order or another y= is not answered (Q54)", {"strict_offer": True}
    ),
    "early-media": Fault("media comes right after 200, before ACK (Q59)", {"streams_before_ack": True}),
    "sub-profile": Fault("the sub-stream needs a=streamprofile (Q62)", {"substream_form": "streamprofile"}),
    "sub-mode": Fault("the sub-stream needs a=streamMode (Q63)", {"substream_form": "streamMode"}),
    "keeps-sending": Fault("media goes on after BYE (Q81)", {"keeps_sending": True}),
    "pack-stuffing": Fault("stuffing in pack headers counts pictures (Q82)", {"pack_fault": "stuffing"}),
    "map-crc": Fault("the CRC of the stream map is turned round (Q83)", {"pack_fault": "map-crc"}),
    "private-packets": Fault("private data between the pictures (Q84)", {"pack_fault": "private"}),
    "empty-packs": Fault("packs with nothing in them (Q85)", {"pack_fault": "empty"}),
    "separate-pes": Fault(
        "parameter sets and slices in packets of their own, the first with a time (Q86)",
        {"pack_fault": "separate"},
    ),
    "map-flips": Fault("the stream map names H.264 and H.265 in turn (Q87)", {"pack_fault": "map-flips"}),
    "aac-as-g711": Fault("AAC, announced as G.711 (Q88)", {"picture_fault": "aac"}),
    "map-length": Fault(
        "wrong lengths in the stream map, and a unit of unknown kind (Q89)", {"pack_fault": "map-length"}
    ),
    "pes-length-0": Fault("pictures of length 0 (Q91)", {"pack_fault": "no-length"}),
    "no-markers": Fault("the marker is never set (Q92)", {"packet_fault": "no-marker"}),
    "raw-h264": Fault("no program stream under payload type 96 (Q94)", {"pack_fault": "elementary"}),
    "transport-stream": Fault(
        "a transport stream under payload type 96 (Q94)", {"pack_fault": "transport-stream"}
    ),
    "prefix-256": Fault("256 bytes before the first packet over TCP (Q97)", {"tcp_prefix_bytes": 256}),
    "tcp-garbage": Fault("garbage between packets over TCP (Q98)", {"tcp_garbage": True}),
    "needs-reports": Fault(
        "a stream stops when no RTCP report comes (Q100)", {"reports_needed_s": 30.0}, "reports_needed_s"
    ),
    "bare-sound": Fault("sound without a pack header (Q101)", {"pack_fault": "bare-sound"}),
    "swapped-packets": Fault("packets come in another order (Q103)", {"packet_fault": "swapped"}),
}


def named(texts: Iterable[str]) -> tuple[str, ...]:
    """The faults in texts that may each name several, with commas between them."""
    return tuple(name.strip() for text in texts for name in text.split(",") if name.strip())


def listing() -> str:
    """Every fault on a line of its own: its name, its measure when it takes one, and what it imitates."""
    forms = {name: f"{name}=N" if fault.measure else name for name, fault in FAULTS.items()}
    width = max(map(len, forms.values()))
    return "\n".join(f"{forms[name]:<{width}}  {fault.imitates}" for name, fault in FAULTS.items())


def behaviour_of(names: Iterable[str]) -> Behaviour:
    """The behaviour with these faults.

    Raises:
        UnknownFault: a name that is not in the table, or a number that cannot be.
    """
    behaviour = Behaviour()
    for text in names:
        name, separator, measure = text.strip().partition("=")
        fault = FAULTS.get(name)
        if fault is None:
            raise UnknownFault(f"no fault is named {name!r}; known are {', '.join(FAULTS)}")
        behaviour = replace(behaviour, **fault.changes)
        if separator:
            change: dict[str, Any] = {fault.measure: _measure(name, fault, measure)}
            behaviour = replace(behaviour, **change)
    return behaviour


def _measure(name: str, fault: Fault, text: str) -> float:
    if not fault.measure:
        raise UnknownFault(f"the fault {name} takes no number")
    try:
        number = float(text)
    except ValueError:
        raise UnknownFault(f"{name}={text[:40]} is not a number") from None
    if not 0 <= number < 1e6:
        raise UnknownFault(f"{name}={text[:40]} is not between 0 and 1000000")
    return int(number) if isinstance(getattr(Behaviour(), fault.measure), int) else number
