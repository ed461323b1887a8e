"""ConfigDownload, DeviceConfig, UploadSnapShotFinished, DeviceUpgradeResult, SDCardStatus."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb import manscdp
from sipserver.gb.config_blocks.basic import BasicParam
from sipserver.gb.config_blocks.picture import FrameMirror
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.ids import GbId
from sipserver.gb.messages import MESSAGES, Message, read_message
from sipserver.gb.messages.config_download import ConfigDownloadQuery, ConfigDownloadResponse
from sipserver.gb.messages.device_config import DeviceConfig, DeviceConfigResponse
from sipserver.gb.messages.device_upgrade import DeviceUpgradeResult
from sipserver.gb.messages.sd_card import MAX_READ_CARDS, SdCard, SdCardStatusQuery, SdCardStatusResponse
from sipserver.gb.messages.snapshot import MAX_FILES, UploadSnapShotFinished

CAMERA = GbId("34020000001320000012")
SESSION = "0123456789abcdef-0123456789ABCDEF"


def again(message: Message) -> Message | None:
    document = manscdp.parse_document(manscdp.serialize_document(message.to_xml()))
    assert MESSAGES[document.root, document.cmd_type] is type(message)
    return read_message(document)


@pytest.mark.parametrize(
    "message",
    [
        ConfigDownloadQuery("1", CAMERA, ("BasicParam", "OSDConfig")),
        ConfigDownloadResponse("1", CAMERA, True, (BasicParam(name="东门", heartbeat_interval_s=60),)),
        ConfigDownloadResponse("1", CAMERA, False),
        DeviceConfig("1", CAMERA, (FrameMirror(mode=2), BasicParam(name="x"))),
        DeviceConfigResponse("1", CAMERA, True),
        DeviceConfigResponse("1", CAMERA, False),
        SdCardStatusQuery("1", CAMERA),
        SdCardStatusResponse("1", CAMERA),
        SdCardStatusResponse("1", CAMERA, (SdCard("1", "SD1", "formatting", 40, 65_536, 0),)),
        UploadSnapShotFinished("1", CAMERA, SESSION, ("a", "b")),
        UploadSnapShotFinished("1", CAMERA, SESSION),
        DeviceUpgradeResult("1", CAMERA, SESSION, True, "V2"),
        DeviceUpgradeResult("1", CAMERA, SESSION, False, "V1", "02"),
    ],
)
def test_every_message_is_read_as_it_was_written(message: Message) -> None:
    """GB-C076: SDCardStatus among them."""
    assert again(message) == message


CARDS = st.builds(
    SdCard,
    st.integers(0, 9).map(str),
    st.text("SD 卡1", max_size=8).map(str.strip),
    st.sampled_from(["ok", "formatting", "unformatted", "idle", "error"]),
    st.none() | st.integers(0, 100),
    st.none() | st.integers(0, 2**31),
    st.none() | st.integers(0, 2**31),
)


@given(st.lists(CARDS, max_size=8))
def test_cards_come_back(cards: list[SdCard]) -> None:
    """GB-C076."""
    message = SdCardStatusResponse("9", CAMERA, tuple(cards))
    assert again(message) == message


@given(
    st.lists(st.text("abc123-_.", min_size=1, max_size=50), max_size=10),
    st.booleans(),
    st.text("0A-", max_size=9),
)
def test_reports_come_back(names: list[str], ok: bool, version: str) -> None:
    report = UploadSnapShotFinished("9", CAMERA, SESSION, tuple(names))
    assert again(report) == report
    result = DeviceUpgradeResult("9", CAMERA, SESSION, ok, version, "" if ok else "99")
    assert again(result) == result


def test_a_query_joins_its_types_with_slashes() -> None:
    """GB-C070."""
    query = ConfigDownloadQuery("1", CAMERA, ("BasicParam", "VideoParamOpt"))
    assert manscdp.child_text(query.to_xml(), "ConfigType") == "BasicParam/VideoParamOpt"
    odd = query.to_xml()
    manscdp.child(odd, "ConfigType").text = " BasicParam / / VideoParamOpt/"  # type: ignore[union-attr]
    assert ConfigDownloadQuery.from_xml(odd).types == query.types


@pytest.mark.parametrize(
    ("code", "known_as", "says"),
    [
        ("2", "02", "damaged"),
        ("01", "01", "timed out"),
        ("99", "99", "another"),
        ("no space", "no space", "no space"),
    ],
)
def test_the_reason_of_a_failed_upgrade_is_told(code: str, known_as: str, says: str) -> None:
    result = DeviceUpgradeResult.from_xml(
        DeviceUpgradeResult("1", CAMERA, SESSION, False, "V1", code).to_xml()
    )
    assert result.failure == known_as
    assert says in result.failure_text


def test_limits_of_lists_hold() -> None:
    for count, kept in ((MAX_FILES, MAX_FILES), (MAX_FILES + 1, MAX_FILES)):
        names = tuple(str(number) for number in range(count))
        found = UploadSnapShotFinished.from_xml(UploadSnapShotFinished("1", CAMERA, SESSION, names).to_xml())
        assert len(found.file_ids) == kept
    for count, kept in ((MAX_READ_CARDS, MAX_READ_CARDS), (MAX_READ_CARDS + 1, MAX_READ_CARDS)):
        cards = tuple(SdCard(str(number)) for number in range(count))
        assert (
            len(SdCardStatusResponse.from_xml(SdCardStatusResponse("1", CAMERA, cards).to_xml()).cards)
            == kept
        )


@pytest.mark.parametrize(
    ("root", "cmd_type"),
    [("Notify", "UploadSnapShotFinished"), ("Notify", "DeviceUpgradeResult"), ("Response", "SDCardStatus")],
)
def test_a_message_without_an_id_is_malformed(root: str, cmd_type: str) -> None:
    body = f"<{root}><CmdType>{cmd_type}</CmdType><SN>1</SN></{root}>".encode()
    with pytest.raises(MalformedDocument):
        read_message(manscdp.parse_document(body))
