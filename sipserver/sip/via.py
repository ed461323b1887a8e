"""The top Via on arrival: what identifies the transaction, and the source written into it.

Source: RFC 3261 section 18.2.1, RFC 3581 section 4.
"""

from __future__ import annotations

from typing import Final

from sipserver.sip.errors import MalformedMessage
from sipserver.sip.fields import Via, split_list
from sipserver.sip.flow import Flow, format_host
from sipserver.sip.message import SipMessage, SipRequest

_PROTOCOLS: Final = frozenset(("SIP/2.0/UDP ", "SIP/2.0/TCP ", "SIP/2.0/TLS "))


def stamp_source(request: SipRequest, flow: Flow) -> tuple[str, str]:
    """Write ``received`` and ``rport`` into the top Via, so that every answer echoes them.

    Returns:
        branch and sent-by.

    Raises:
        MalformedMessage: the top Via cannot be read.
    """
    values = request.headers.fields["Via"]
    top = values[0]
    # Nearly every Via has this plain form; anything else takes the long way.
    head, _, params = top.partition(";")
    if (
        head[:12] in _PROTOCOLS
        and "," not in params
        and " " not in params
        and "received" not in params
        and "rport=" not in params
    ):
        start = params.find("branch=")
        if start == 0 or (start > 0 and params[start - 1] == ";"):
            end = params.find(";", start)
            branch = params[start + 7 :] if end < 0 else params[start + 7 : end]
            sent_by = head[12:]
            host, port = flow.remote[0], flow.remote[1]
            source = f";rport={port};received={host}"
            plain = " " not in sent_by and "," not in sent_by and sent_by and branch
            if plain and ";rport;" in top:
                values[0] = top.replace(";rport;", f"{source};", 1)
                return branch, sent_by
            if plain and top.endswith(";rport"):
                values[0] = top[:-6] + source
                return branch, sent_by
    return _stamp_any(request, values, flow)


def _stamp_any(request: SipRequest, values: list[str], flow: Flow) -> tuple[str, str]:
    first, *others = split_list(values[0])
    via = Via.parse(first.strip(" \t"))
    host, port = flow.remote[0], flow.remote[1]
    params = dict(via.params)
    if "rport" in params:
        params["rport"] = str(port)
        params["received"] = host
    elif via.host != host:
        params["received"] = host
    else:
        params.pop("received", None)
    if params != via.params or others:
        # The hops behind the first stay as they were sent.
        rest = [other for other in (",".join(others).strip(" \t"),) if other]
        values[0:1] = [via._replace(params=params).serialize(), *rest]
    return via.branch, via.sent_by


def top_branch(message: SipMessage) -> str | None:
    """The branch of the top Via, None when there is no Via that can be read."""
    values = message.headers.fields.get("Via")
    if not values:
        return None
    top = values[0]
    start = top.find(";branch=")
    if start >= 0 and "," not in top and '"' not in top:
        end = top.find(";", start + 8)
        return (top[start + 8 :] if end < 0 else top[start + 8 : end]).strip(" \t")
    try:
        return message.top_via.branch
    except MalformedMessage:
        return None


def make_via(transport: str, sent_by: tuple[str, int], branch: str) -> str:
    """Our own Via: always with rport (RFC 3581; gb28181 2.3)."""
    return f"SIP/2.0/{transport} {format_host(sent_by[0])}:{sent_by[1]};rport;branch={branch}"
