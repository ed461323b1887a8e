"""Failures between us and other platforms: code, status, title and advice of each.

A part of the one table in ``problems.py``.
"""

from collections.abc import Mapping
from typing import Final

import cascade.errors

SUPERIOR_KINDS: Final[Mapping[type[BaseException], tuple[str, int, str, str]]] = {
    cascade.errors.UnknownSuperior: (
        "unknown-superior",
        404,
        "No such superior",
        "GET /api/v1/superiors lists those that exist.",
    ),
    cascade.errors.SuperiorExists: (
        "superior-exists",
        409,
        "The superior is on file already",
        "Change it with PUT /api/v1/superiors/{superior_id}.",
    ),
    cascade.errors.NotPresented: (
        "not-presented",
        404,
        "The superior is not shown this",
        "GET /api/v1/superiors/{superior_id}/catalogue lists what it is shown.",
    ),
    cascade.errors.SuperiorOffline: (
        "superior-offline",
        503,
        "We are not registered with the superior",
        "See why in the state of its link.",
    ),
    cascade.errors.SuperiorSilent: ("superior-silent", 504, "The superior does not answer", ""),
    cascade.errors.SuperiorRefused: ("superior-refused", 502, "The superior refuses", ""),
    cascade.errors.UnknownSubordinate: (
        "unknown-subordinate",
        404,
        "No such subordinate",
        "GET /api/v1/subordinates lists those that exist.",
    ),
    cascade.errors.SubordinateExists: (
        "subordinate-exists",
        409,
        "The subordinate is on file already",
        "Change it with PUT /api/v1/subordinates/{subordinate_id}.",
    ),
}
