"""What is learned from devices, and what an operator makes of it, through the API and over real sockets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.settings import ProfileSettings
from sipserver.sip.flow import Transport
from tests.integration.console.test_diagnosis import SIP
from tests.support.platform_process import eventually
from tests.support.small_site import SmallSite, small_site


async def _values(site: SmallSite, device_id: str) -> dict[str, dict[str, Any]]:
    answer = await site.api.get(f"/devices/{device_id}/profile")
    assert answer.is_success, answer.text
    return {value["facet"]: value for value in answer.json()["values"]}


async def _play(site: SmallSite, device_id: str) -> None:
    channels = (await site.api.get(f"/devices/{device_id}/channels")).json()["items"]
    opened = await site.api.post(f"/channels/{device_id}~{channels[0]['channel_id']}/live")
    assert opened.is_success, opened.text
    assert (await site.api.delete(f"/sessions/{opened.json()['session_id']}")).is_success

    async def ended() -> bool:
        return not site.platform.devices.invites.snapshot()

    await eventually(ended, "the invite is ended")


async def _offers(site: SmallSite, device_id: str) -> list[str]:
    steps = (await site.api.get(f"/devices/{device_id}/trace")).json()["steps"]
    return [step["summary"].split(", ")[1] for step in steps if step["what"] == "INVITE"]


async def test_a_transport_that_works_instead_is_tried_once_and_remembered(tmp_path: Path) -> None:
    async with small_site(tmp_path, sip=SIP) as site:
        blocked = await site.add_camera(0, faults=("udp-blocked",))
        device = blocked.settings.device_id
        await _play(site, device)
        await _play(site, device)
        offers = await _offers(site, device)
        assert ["TCP/RTP/AVP" in offer for offer in offers] == [False, True, True]
        known = (await _values(site, device))["media_transport"]
        assert known["value"] == "tcp_passive"
        assert known["origin"] == "learned from this device"
        assert "sent nothing" in known["evidence"]

        answers_udp = await site.add_camera(1, faults=("udp-only",), transport=Transport.TCP)
        refuses = await site.add_camera(2, faults=("tcp-refused",), transport=Transport.TCP)
        hangs_up = await site.add_camera(3, faults=("tcp-blocked",), transport=Transport.TCP)
        for camera, evidence in (
            (answers_udp, "answered RTP/AVP"),
            (refuses, "answered 488"),
            (hangs_up, "accepted tcp_passive and sent nothing"),
        ):
            await _play(site, camera.settings.device_id)
            known = (await _values(site, camera.settings.device_id))["media_transport"]
            assert known["value"] == "udp"
            assert evidence in known["evidence"]


async def test_where_neither_transport_brings_media_the_first_verdict_stands_and_no_more_is_tried(
    tmp_path: Path,
) -> None:
    async with small_site(tmp_path, sip=SIP) as site:
        camera = await site.add_camera(faults=("udp-blocked", "tcp-blocked"))
        device, channel = camera.settings.device_id, camera.settings.all_channel_ids[0]
        for offers in (2, 3):
            failed = (await site.api.post(f"/channels/{channel}/live")).json()
            assert failed["code"] == "no-media"
            assert "UDP" in failed["detail"]
            assert len(await _offers(site, device)) == offers
        assert "media_transport" not in await _values(site, device)


async def test_the_ssrc_behaviour_is_learned_from_the_media_that_comes(tmp_path: Path) -> None:
    """GB-C106: the answer's y= counts, and a port of its own takes any SSRC."""
    expected = {
        "no-psm": "echoed",
        "no-y": "absent",
        "own-y": "own",
        "wrong-ssrc": "own",
        "zero-ssrc": "zero",
        "constant-ssrc": "constant",
    }
    async with small_site(tmp_path, sip=SIP) as site:
        for index, (fault, behaviour) in enumerate(expected.items()):
            camera = await site.add_camera(index, faults=(fault,))
            device = camera.settings.device_id
            await _play(site, device)
            if behaviour == "constant":
                assert (await _values(site, device))["ssrc"]["value"] == "own"
                await _play(site, device)
            known = (await _values(site, device))["ssrc"]
            assert (fault, known["value"]) == (fault, behaviour)
            assert "offered" in known["evidence"]
            await _play(site, device)


async def test_a_device_is_answered_in_the_charset_in_which_it_writes(tmp_path: Path) -> None:
    async with small_site(tmp_path) as site:
        camera = await site.add_camera(charset="UTF-8")
        device = camera.settings.device_id
        known = (await _values(site, device))["charset"]
        assert (known["value"], known["evidence"].split()[0]) == ("UTF-8", "wrote")
        await site.api.post(f"/devices/{device}/catalog")
        steps = (await site.api.get(f"/devices/{device}/trace", params={"texts": True})).json()["steps"]
        query = [step for step in steps if step["summary"].startswith("Query Catalog")][-1]
        assert 'encoding="UTF-8"' in query["text"]


async def test_what_two_devices_of_a_kind_show_counts_for_the_third_and_outlives_a_restart(
    tmp_path: Path,
) -> None:
    profiles = ProfileSettings(save_interval_s=0.1)
    async with small_site(tmp_path, sip=SIP, profiles=profiles) as site:
        for index in range(2):
            camera = await site.add_camera(index, charset="UTF-8", model="M1")
            assert (await _values(site, camera.settings.device_id))["charset"]["value"] == "UTF-8"
        other = await site.add_camera(2, model="M2")
        kinds = {kind["model"]: kind for kind in (await site.api.get("/profiles")).json()["items"]}
        assert [(each["facet"], each["value"]) for each in kinds["M1"]["values"]] == [("charset", "UTF-8")]
        assert kinds["M1"]["devices"] == 2
        assert kinds["M2"]["values"] == []
        pin = f"/devices/{other.settings.device_id}/profile/media_transport"
        assert (await site.api.put(pin, json={"value": "tcp_passive"})).status_code == 204
    async with small_site(tmp_path, sip=SIP, profiles=profiles) as site:
        known = (await _values(site, camera.settings.device_id))["charset"]
        assert known["origin"] == "learned from devices of its kind"
        assert known["evidence"].startswith("2 devices")
        known = (await _values(site, other.settings.device_id))["media_transport"]
        assert (known["value"], known["pinned"], known["evidence"]) == (
            "tcp_passive",
            True,
            "pinned by admin",
        )


async def test_an_operator_s_pin_stands_above_evidence_and_can_be_taken_back(tmp_path: Path) -> None:
    async with small_site(tmp_path, sip=replace(SIP, keyframe_timeout_s=1.0)) as site:
        camera = await site.add_camera(faults=("udp-blocked",))
        device, channel = camera.settings.device_id, camera.settings.all_channel_ids[0]
        path = f"/devices/{device}/profile/media_transport"
        assert (await site.api.put(path, json={"value": "udp"})).status_code == 204
        failed = (await site.api.post(f"/channels/{channel}/live")).json()
        assert failed["code"] == "no-media", "what is pinned is not gone against"
        assert len(await _offers(site, device)) == 1
        assert (await site.api.put(path, json={"value": "carrier pigeon"})).status_code == 422
        assert (await site.api.put(path, json={"value": "tcp_active"})).status_code == 204
        await _play(site, device)
        assert (await _values(site, device))["media_transport"]["value"] == "tcp_active"
        assert (await site.api.delete(path)).status_code == 204
        assert (await site.api.delete(path)).status_code == 404


async def test_profiles_are_carried_to_another_platform(tmp_path: Path) -> None:
    pin = {"manufacturer": "Tongshi", "model": "Simulator", "firmware": "1.0", "facet": "keyframe"}
    async with small_site(tmp_path / "a") as site:
        assert (await site.api.put("/profiles", json={**pin, "value": "both"})).status_code == 204
        assert (await site.api.put("/profiles", json={**pin, "facet": "nose"})).status_code == 422
        document = (await site.api.get("/profiles/export")).json()
    async with small_site(tmp_path / "b") as site:
        taken = await site.api.post("/profiles/import", json=document)
        assert taken.json() == {"taken": 1, "held": 1}
        assert (await site.api.post("/profiles/import", json=document)).json() == {"taken": 0, "held": 1}
        replaced = await site.api.post("/profiles/import", params={"replace": True}, json=document)
        assert replaced.json()["taken"] == 1
        camera = await site.add_camera()
        known = (await _values(site, camera.settings.device_id))["keyframe"]
        assert (known["value"], known["origin"]) == ("both", "pinned for its kind")
        assert site.platform.devices.profiles.value(camera.settings.device_id, Facet.KEYFRAME) == "both"
        for wrong in (
            {**document, "version": 2},
            {**document, "profiles": [{**document["profiles"][0], "value": ""}]},
        ):
            answer = await site.api.post("/profiles/import", json=wrong)
            assert (answer.status_code, answer.json()["code"]) == (422, "unsuitable-profile")
        assert (await site.api.delete("/profiles", params=pin)).status_code == 204
        assert (await site.api.delete("/profiles", params=pin)).status_code == 404
