"""Argon2id hashes, computed off the event loop and a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from access.errors import LogInsBusy, UnsuitablePassword
from access.settings import AccessSettings

MAX_PASSWORD_LENGTH: Final = 1024

_Result = TypeVar("_Result")


class PasswordHashes:
    """Makes and checks hashes. One hash costs some 165 ms and tens of MiB, hence the bounds.

    The threads are the bound: a caller that gives up leaves its hash running, and it still counts.
    """

    def __init__(self, settings: AccessSettings) -> None:
        self._limit = settings.parallel_hashes + settings.waiting_log_ins
        self._in_hand = 0
        self._hasher = PasswordHasher(time_cost=settings.hash_rounds, memory_cost=settings.hash_memory_kib)
        self._threads = ThreadPoolExecutor(settings.parallel_hashes, thread_name_prefix="argon2")
        self._decoy: str | None = None

    def close(self) -> None:
        """End the threads; hashes that wait are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def demand_place(self) -> None:
        """Raise LogInsBusy when as many hashes wait as we allow."""
        if self._in_hand >= self._limit:
            raise LogInsBusy(
                f"{self._in_hand} log-ins wait for their password check; try again in some seconds"
            )

    async def hash(self, password: str) -> str:
        """Argon2id in PHC form."""
        return await self._in_thread(self._hasher.hash, password)

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Whether the password belongs to the hash.

        Args:
            password_hash: None for an unknown user: the same work is done against a decoy, so that the
                time does not tell whether the user exists.
        """
        if len(password) > MAX_PASSWORD_LENGTH:
            password, password_hash = "", None
        if self._decoy is None:
            self._decoy = await self.hash("decoy")
        return await self._in_thread(self._verify, password_hash, password)

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other costs than the settings ask."""
        return self._hasher.check_needs_rehash(password_hash)

    def _verify(self, password_hash: str | None, password: str) -> bool:
        try:
            self._hasher.verify(password_hash or self._decoy or "", password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

    async def _in_thread(self, work: Callable[..., _Result], *args: object) -> _Result:
        self.demand_place()
        self._in_hand += 1
        future = self._threads.submit(work, *args)
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: _call_if_open(loop, self._release))
        return await asyncio.wrap_future(future)

    def _release(self) -> None:
        self._in_hand -= 1


def _call_if_open(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback)


def check_password(password: str, username: str, shortest: int) -> None:
    """Raise UnsuitablePassword when a password may not be set."""
    if not shortest <= len(password) <= MAX_PASSWORD_LENGTH:
        raise UnsuitablePassword(
            f"the password has {len(password)} characters; allowed are {shortest} to {MAX_PASSWORD_LENGTH}"
        )
    if len(set(password)) < 4:
        raise UnsuitablePassword("the password repeats fewer than 4 different characters")
    if username.casefold() in password.casefold() and len(password) < len(username) + 6:
        raise UnsuitablePassword("the password is little more than the user name")
