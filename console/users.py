"""``tongshi user``: on the database alone, so that it works while the platform does not."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from access.audit import AuditLog
from access.errors import AccessError
from access.roles import Action, Role
from access.secrets import SecretBox
from access.users import Users
from config.database import migrate, open_database
from config.schema import Settings
from console.errors import StartFailed
from console.process import EXIT_OK, say
from console.starting import secrets_directory

COMMAND_LINE = "command line"


async def add_user(settings: Settings, username: str, role: str, password: str) -> int:
    """Add a user."""
    async with _users(settings) as (users, audit):
        # An administrator is made first: the platform makes one only where there is no user at all.
        if Role(role) is not Role.ADMIN and (first := await users.ensure_first_admin(os.environ)):
            say(f"first the user admin was made, with the password {first} (shown this once)")
        user = await users.create(username, password, Role(role))
        detail = {"added": user.username, "role": role}
        await audit.record(Action.MANAGE_USERS, actor=COMMAND_LINE, target=user.username, detail=detail)
    say(f"{user.username} may log in as {role}")
    return EXIT_OK


async def set_password(settings: Settings, username: str, password: str) -> int:
    """Set a user's password."""
    async with _users(settings) as (users, audit):
        await users.set_password(username, password)
        await audit.record("password_change", actor=COMMAND_LINE, target=username)
    say(f"the password of {username} is changed, and its log-ins have ended")
    return EXIT_OK


@asynccontextmanager
async def _users(settings: Settings) -> AsyncIterator[tuple[Users, AuditLog]]:
    engine = open_database(settings.database.url)
    users = Users(engine, settings.access)
    try:
        await migrate(engine)
        yield users, AuditLog(engine, SecretBox(secrets_directory(settings)).derive("audit"))
    except AccessError as error:
        raise StartFailed(str(error)) from error
    finally:
        users.close()
        await engine.dispose()
