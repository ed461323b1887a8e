from __future__ import annotations

import pytest

from access.errors import NotAllowed
from access.roles import ROLES, Action, Role, allowed, demand


def test_each_role_includes_the_one_below() -> None:
    assert ROLES[Role.VIEWER] < ROLES[Role.OPERATOR] < ROLES[Role.ADMIN]
    assert ROLES[Role.ADMIN] == set(Action)


def test_a_viewer_watches_and_changes_nothing() -> None:
    assert allowed(Role.VIEWER, Action.VIEW_LIVE)
    assert not allowed(Role.VIEWER, Action.RECORD)
    with pytest.raises(NotAllowed, match=r"viewer may not do recording\.control"):
        demand(Role.VIEWER, Action.RECORD)
    demand(Role.OPERATOR, Action.RECORD)
