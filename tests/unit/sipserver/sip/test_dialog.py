"""Dialogs of INVITE and SUBSCRIBE, from both sides."""

from __future__ import annotations

import pytest

from sipserver.sip.dialog import Dialog, DialogId, dialog_id
from sipserver.sip.errors import LocalViolation, RemoteViolation
from sipserver.sip.message import SipRequest, SipResponse, make_response
from tests.unit.sipserver.sip.builders import CAMERA, PLATFORM, own_request, request

CONTACT = ("Contact", f"<sip:{CAMERA}@198.51.100.20:5060>")


def answered(method: str = "INVITE", status: int = 200, *headers: tuple[str, str]) -> Dialog:
    ours = own_request(method)
    return Dialog.from_answer(ours, make_response(ours, status, to_tag="dev77", headers=headers))


def accepted(method: str = "INVITE", **fields: str | None) -> Dialog:
    theirs = request(method, **fields)
    return Dialog.from_request(theirs, make_response(theirs, 200, to_tag="us"))


def from_peer(method: str, number: int, **fields: str | None) -> SipRequest:
    values: dict[str, str | None] = {
        "From": f"<sip:{CAMERA}@3402000000>;tag=dev77",
        "To": f"<sip:{PLATFORM}@3402000000>;tag=ours1",
        "Call-ID": "call-1@192.0.2.10",
        "CSeq": f"{number} {method}",
    }
    return request(method, **{**values, **fields})


def test_the_caller_takes_tags_target_and_route_from_the_answer() -> None:
    """RFC 3261 section 12.1.2."""
    dialog = answered(
        "INVITE", 200, CONTACT, ("Record-Route", "<sip:p1;lr>, <sip:p2;lr>"), ("Record-Route", "<sip:p3;lr>")
    )
    assert dialog.id == DialogId("call-1@192.0.2.10", "ours1", "dev77")
    assert dialog.remote_target == f"sip:{CAMERA}@198.51.100.20:5060"
    assert dialog.route_set == ("<sip:p3;lr>", "<sip:p2;lr>", "<sip:p1;lr>")
    assert (dialog.local_cseq, dialog.remote_cseq) == (1, None)


def test_requests_inside_keep_the_dialog_and_count_on() -> None:
    """gb28181 6.3: ACK repeats the number of the INVITE, the next request is 2."""
    dialog = answered("INVITE", 200, CONTACT)
    ack = dialog.make_ack()
    assert (ack.method, ack.cseq, ack.uri) == ("ACK", (1, "ACK"), f"sip:{CAMERA}@198.51.100.20:5060")
    info = dialog.make_request("INFO", [("X-Mark", "1")], b"PLAY", "Application/MANSRTSP")
    assert info.cseq == (2, "INFO")
    assert (info.from_.tag, info.to.tag, info.call_id) == ("ours1", "dev77", "call-1@192.0.2.10")
    assert info.headers.get("Max-Forwards") == "70"
    assert (info.body, info.content_type, info.headers.get("X-Mark")) == (
        b"PLAY",
        "application/mansrtsp",
        "1",
    )
    again = dialog.make_request("INVITE")
    assert again.cseq.number == 3
    assert dialog.make_ack([("X-Mark", "2")], b"v=0", "application/sdp").cseq.number == 3
    assert not dialog.is_ended
    bye = dialog.make_request("BYE")
    assert bye.cseq == (4, "BYE")
    assert dialog.is_ended


def test_an_answer_without_contact_leaves_the_target_as_it_was() -> None:
    assert answered().remote_target == own_request().uri
    assert answered("INVITE", 200, ("Contact", "sip:")).remote_target == own_request().uri
    assert answered("INVITE", 200, ("Contact", "*")).remote_target == own_request().uri


def test_an_answer_without_tag_still_makes_a_dialog() -> None:
    """Quirk Q19: an old stack sends no tag; the Call-ID has to do."""
    ours = own_request("INVITE")
    dialog = Dialog.from_answer(ours, make_response(ours, 200))
    assert dialog.id.remote_tag == ""
    assert dialog.matches(from_peer("BYE", 1, From=f"<sip:{CAMERA}@3402000000>"))
    assert dialog.matches(from_peer("BYE", 1))


@pytest.mark.parametrize("status", [100, 300, 486])
def test_only_answers_from_101_to_299_make_a_dialog(status: int) -> None:
    with pytest.raises(LocalViolation):
        answered("INVITE", status)
    theirs = request("INVITE")
    with pytest.raises(LocalViolation):
        Dialog.from_request(theirs, make_response(theirs, status, to_tag="us"))


def test_the_called_side_swaps_the_ends() -> None:
    """RFC 3261 section 12.1.1."""
    dialog = accepted(
        Contact="<sip:cam@10.0.0.5:5060>", Record_Route="<sip:p1;lr>,<sip:p2;lr>", CSeq="7 INVITE"
    )
    assert dialog.id == DialogId("5d0c2c1f9b7e4a10@198.51.100.20", "us", "c41d0a7e")
    assert dialog.remote_target == "sip:cam@10.0.0.5:5060"
    assert dialog.route_set == ("<sip:p1;lr>", "<sip:p2;lr>")
    assert (dialog.local_cseq, dialog.remote_cseq) == (0, 7)
    bye = dialog.make_request("BYE")
    assert (bye.cseq.number, bye.from_.tag, bye.to.tag) == (1, "us", "c41d0a7e")
    with pytest.raises(LocalViolation):
        dialog.make_ack()


def test_without_contact_the_called_side_uses_from() -> None:
    assert accepted().remote_target == f"sip:{CAMERA}@3402000000"


def test_the_called_side_needs_a_tag_of_its_own() -> None:
    theirs = request("INVITE")
    with pytest.raises(LocalViolation):
        Dialog.from_request(theirs, make_response(theirs, 200))


@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
def test_requests_that_do_not_count_have_their_own_call(method: str) -> None:
    with pytest.raises(LocalViolation):
        answered().make_request(method)


def test_loose_routes_keep_the_target_in_the_request_line() -> None:
    dialog = answered("INVITE", 200, CONTACT, ("Record-Route", "<sip:p1;lr>"))
    bye = dialog.make_request("BYE")
    assert bye.uri == dialog.remote_target
    assert bye.headers.get_all("Route") == ["<sip:p1;lr>"]


def test_a_strict_router_gets_the_request_line() -> None:
    """RFC 3261 section 12.2.1.1."""
    dialog = answered("INVITE", 200, CONTACT, ("Record-Route", "<sip:p2;lr>, <sip:p1>"))
    bye = dialog.make_request("BYE")
    assert bye.uri == "sip:p1"
    assert bye.headers.get_all("Route") == ["<sip:p2;lr>", f"<{dialog.remote_target}>"]


def test_requests_of_the_peer_must_count_upwards() -> None:
    dialog = answered()
    dialog.receive(from_peer("INFO", 10))
    dialog.receive(from_peer("INFO", 10))
    dialog.receive(from_peer("INFO", 50))
    with pytest.raises(RemoteViolation) as caught:
        dialog.receive(from_peer("BYE", 49))
    assert caught.value.status == 500
    assert not dialog.is_ended
    dialog.receive(from_peer("ACK", 1))
    assert dialog.remote_cseq == 50


def test_a_bye_of_the_peer_ends_the_dialog() -> None:
    dialog = answered()
    dialog.receive(from_peer("BYE", 1))
    assert dialog.is_ended


def test_a_request_of_another_dialog_gets_481() -> None:
    for fields in ({"Call_ID": "other"}, {"To": "<sip:a@b>;tag=no"}, {"From": "<sip:a@b>;tag=no"}):
        with pytest.raises(RemoteViolation) as caught:
            answered().receive(
                from_peer("BYE", 1, **{name.replace("_", "-"): value for name, value in fields.items()})
            )
        assert caught.value.status == 481


def test_only_target_refreshing_requests_move_the_target() -> None:
    dialog = answered("INVITE", 200, CONTACT)
    dialog.receive(from_peer("INFO", 1, Contact="<sip:moved@x>"))
    assert dialog.remote_target.endswith("198.51.100.20:5060")
    dialog.receive(from_peer("INVITE", 2, Contact="<sip:moved@x>"))
    dialog.receive(from_peer("INVITE", 3))
    assert dialog.remote_target == "sip:moved@x"


def test_answers_inside_move_the_target_or_end_the_dialog() -> None:
    dialog = answered("SUBSCRIBE", 200, CONTACT)
    refresh = dialog.make_request("SUBSCRIBE", [("Expires", "600")])
    dialog.receive_response(refresh, make_response(refresh, 200, headers=[("Contact", "<sip:new@x>")]))
    assert dialog.remote_target == "sip:new@x"
    message = dialog.make_request("MESSAGE")
    dialog.receive_response(message, make_response(message, 200, headers=[("Contact", "<sip:no@x>")]))
    dialog.receive_response(refresh, SipResponse(180))
    assert (dialog.remote_target, dialog.is_ended) == ("sip:new@x", False)


@pytest.mark.parametrize("status", [408, 481])
def test_a_dialog_unknown_to_the_peer_is_over(status: int) -> None:
    """gb28181 5.1: after 481 or 408 a subscription starts anew."""
    dialog = answered("SUBSCRIBE")
    dialog.receive_response(dialog.make_request("SUBSCRIBE"), SipResponse(status))
    assert dialog.is_ended


def test_a_notify_that_overtakes_the_answer_makes_the_dialog() -> None:
    """RFC 6665 section 4.4.1."""
    subscribe = own_request("SUBSCRIBE")
    notify = from_peer("NOTIFY", 5, Contact=CONTACT[1], **{"Record-Route": "<sip:p;lr>"})
    dialog = Dialog.from_notify(subscribe, notify)
    assert dialog.id == answered("SUBSCRIBE").id
    assert dialog.remote_cseq == 5
    assert dialog.route_set == ("<sip:p;lr>",)
    assert dialog.remote_target == f"sip:{CAMERA}@198.51.100.20:5060"


@pytest.mark.parametrize(
    ("state", "ended"), [("active;expires=60", False), ("Terminated ; reason=timeout", True), (None, False)]
)
def test_a_notify_says_whether_the_subscription_goes_on(state: str | None, ended: bool) -> None:
    dialog = answered("SUBSCRIBE")
    dialog.receive(from_peer("NOTIFY", 1, **{"Subscription-State": state}))
    assert dialog.is_ended is ended


def test_a_notify_without_to_tag_is_accepted_by_call_id() -> None:
    """gb28181 5.1: some devices notify without To tag."""
    assert answered("SUBSCRIBE").matches(from_peer("NOTIFY", 1, To=f"<sip:{PLATFORM}@3402000000>"))


def test_the_dialog_that_a_request_names() -> None:
    assert dialog_id(from_peer("BYE", 1)) == answered().id
    assert dialog_id(request("BYE", From="<sip:a@b>")) == DialogId("5d0c2c1f9b7e4a10@198.51.100.20", "", "")
