"""DeviceInfo, DeviceStatus, DeviceControl and the table. GB-C065, C075, C080."""

from datetime import datetime

import pytest

from sipserver.gb import gb_time, manscdp
from sipserver.gb.editions import Edition
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.ids import GbId
from sipserver.gb.messages import MESSAGES, Message, read_message
from sipserver.gb.messages.catalog import CatalogQuery, CatalogResponse
from sipserver.gb.messages.device_control import DeviceControl, KeyframeCommand, keyframe_requests
from sipserver.gb.messages.device_info import DeviceInfoQuery, DeviceInfoResponse
from sipserver.gb.messages.device_status import AlarmDuty, DeviceStatusQuery, DeviceStatusResponse
from sipserver.gb.messages.keepalive import Keepalive

NVR = GbId("34020000001180000005")
INFO = DeviceInfoResponse("2", NVR, True, "录像机", "DemoCam", "NVR-8", "1.4", 8)
STATUS = DeviceStatusResponse(
    "3",
    NVR,
    online=True,
    healthy=False,
    reason="fan",
    encoding=True,
    recording=False,
    device_time=datetime(2024, 5, 1, 8, tzinfo=gb_time.BEIJING),
    alarms=(AlarmDuty(GbId("34020000001340000001"), "ONDUTY"),),
)


@pytest.mark.parametrize(
    "message",
    [
        Keepalive("1", NVR),
        CatalogQuery("1", NVR),
        CatalogResponse("1", NVR, 0),
        DeviceInfoQuery("1", NVR),
        DeviceStatusQuery("1", NVR),
        DeviceControl("1", NVR, KeyframeCommand("IFrameCmd")),
        INFO,
        STATUS,
        DeviceStatusResponse("3", NVR, online=False, healthy=True),
    ],
)
def test_every_message_of_the_table_is_read_as_it_was_written(message: Message) -> None:
    document = manscdp.parse_document(manscdp.serialize_document(message.to_xml()))
    assert MESSAGES[document.root, document.cmd_type] is type(message)
    assert read_message(document) == message


def test_unknown_command_has_no_message() -> None:
    """GB-C080."""
    assert read_message(manscdp.parse_document(b"<Query><CmdType>Weather</CmdType></Query>")) is None


def test_known_command_without_an_id_is_malformed() -> None:
    with pytest.raises(MalformedDocument):
        read_message(manscdp.parse_document(b"<Query><CmdType>Catalog</CmdType></Query>"))


def test_device_info_keeps_elements_of_2011_and_vendors() -> None:
    body = b"<Response><CmdType>DeviceInfo</CmdType><SN>1</SN><DeviceID>34</DeviceID><Result>Ok</Result>"
    body += b"<DeviceType>IPC</DeviceType><MaxOut>2</MaxOut><Channel>x</Channel></Response>"
    info = DeviceInfoResponse.from_xml(manscdp.parse_document(body).element)
    assert info.ok
    assert info.channels is None
    assert info.unknown == {"DeviceType": "IPC", "MaxOut": "2"}


def test_refused_result_is_read_in_any_case() -> None:
    """Q53."""
    body = (
        b"<Response><CmdType>DeviceStatus</CmdType><DeviceID>34</DeviceID><Result>Error</Result></Response>"
    )
    assert not DeviceStatusResponse.from_xml(manscdp.parse_document(body).element).ok


def test_alarm_status_is_read_in_either_spelling() -> None:
    """GB-C075, Q53."""
    for name in ("Alarmstatus", "AlarmStatus"):
        body = "<Response><CmdType>DeviceStatus</CmdType><DeviceID>34</DeviceID><DeviceTime>soon</DeviceTime>"
        body += f"<{name}><Item><DeviceID>3402</DeviceID><DutyStatus>alarm</DutyStatus></Item></{name}>"
        body += "</Response>"
        status = DeviceStatusResponse.from_xml(manscdp.parse_document(body.encode()).element)
        assert status.alarms == (AlarmDuty(GbId("3402"), "ALARM"),)
        assert (status.device_time, status.online, status.recording) == (None, None, None)


@pytest.mark.parametrize(
    ("edition", "names"),
    [(Edition.V1_0, ["IFameCmd", "IFrameCmd"]), (Edition.V2_0, ["IFameCmd"]), (Edition.V3_0, ["IFrameCmd"])],
)
def test_key_frame_is_asked_for_in_the_spelling_of_the_edition(edition: Edition, names: list[str]) -> None:
    """GB-C065, Q42."""
    requests = keyframe_requests(iter(["1", "2"]), NVR, edition)
    assert [request.element_name for request in requests] == names
    assert all(request.asks_for_keyframe and not request.expects_answer for request in requests)
