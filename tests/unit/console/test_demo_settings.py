"""What the demo decides before anything is opened."""

import socket
import stat
from pathlib import Path

from config.schema import cross_faults
from config.tables import LogSettings
from console.demo import DemoSecrets, demo_camera, demo_settings, usable_port
from media.nal import VideoCodec
from sipserver.sip.flow import Transport


def test_a_second_start_is_the_same_demo(tmp_path: Path) -> None:
    first = DemoSecrets.load(tmp_path / "demo")
    assert DemoSecrets.load(tmp_path / "demo") == first
    assert first != DemoSecrets.load(tmp_path / "other")
    assert stat.S_IMODE((tmp_path / "demo" / "demo.json").stat().st_mode) == 0o600


def test_a_spoilt_secrets_file_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text('{"unknown": 1}')
    assert DemoSecrets.load(tmp_path).sip_password


def test_a_taken_port_is_replaced_by_any_free_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert usable_port("127.0.0.1", taken.getsockname()[1]) == 0


def test_the_demo_fits_together_and_has_one_of_each_kind(tmp_path: Path) -> None:
    settings = demo_settings(tmp_path, "127.0.0.1", 0, "a password", LogSettings())
    assert list(cross_faults(settings)) == []
    cameras = [demo_camera(number, settings) for number in range(5)]
    assert [camera.pictures.codec for camera in cameras] == [VideoCodec.H264] * 3 + [
        VideoCodec.H265,
        VideoCodec.H264,
    ]
    assert [camera.transport for camera in cameras][2] is Transport.TCP
    assert len({camera.device_id for camera in cameras}) == 5
