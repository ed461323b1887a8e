"""Secrets of one installation: two key files, and values sealed with them.

The files are made at the first start, readable by the owner alone, and never leave the data directory.
Whoever copies the database without them reads no device password and signs no token.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from access.errors import SecretUnreadable

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
SEAL_PREFIX: Final = "sealed1:"
SIGNING_KEY_FILE: Final = "signing.key"
SEALING_KEY_FILE: Final = "sealing.key"


class SecretBox:
    """The keys of one data directory.

    Args:
        data_dir: directory of the installation; made when absent. The files lie in its ``secrets``.

    Raises:
        SecretUnreadable: a key file is there and is not one of ours, or others may read it.
    """

    def __init__(self, data_dir: Path) -> None:
        directory = Path(data_dir) / "secrets"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.signing_key: Final[bytes] = load_or_create_key(directory / SIGNING_KEY_FILE)
        sealing_key = load_or_create_key(directory / SEALING_KEY_FILE)
        self._sealer = AESGCM(sealing_key)

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose, the same at each start (audit chain, cookie, ...)."""
        return hmac.digest(self.signing_key, b"tongshi/" + purpose.encode(), hashlib.sha256)

    def seal(self, text: str, context: str = "") -> str:
        """Encrypt a short text for the database.

        Args:
            text: what to hide.
            context: what it belongs to, e.g. a device id; a value moved to another row does not open.
        """
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._sealer.encrypt(nonce, text.encode(), context.encode())
        return SEAL_PREFIX + base64.urlsafe_b64encode(nonce + sealed).decode("ascii")

    def unseal(self, sealed: str, context: str = "") -> str:
        """Decrypt what ``seal`` made with the same context.

        Raises:
            SecretUnreadable: altered, sealed elsewhere, or belongs to another context.
        """
        if not sealed.startswith(SEAL_PREFIX):
            raise SecretUnreadable(f"a sealed value starts with {SEAL_PREFIX!r}")
        try:
            raw = base64.b64decode(sealed[len(SEAL_PREFIX) :], altchars=b"-_", validate=True)
            return self._sealer.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], context.encode()).decode()
        except (binascii.Error, InvalidTag, ValueError) as error:
            raise SecretUnreadable(
                "a sealed value does not open: altered, or sealed with the keys of another data directory"
            ) from error


def load_or_create_key(path: Path) -> bytes:
    """Read a key file; make it first when it is absent. Two starters at once get the same key."""
    with contextlib.suppress(FileNotFoundError):
        return _read_key(path)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(KEY_BYTES).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        # link() never overwrites: the first of two starters wins and both read its file.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    _sync_directory(path.parent)
    return _read_key(path)


def _read_key(path: Path) -> bytes:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise SecretUnreadable(f"{path} has mode {mode:03o}: others may read it; run chmod 600 on it")
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError as error:
        raise SecretUnreadable(f"{path} is not a key file: restore it from the backup") from error
    if len(key) != KEY_BYTES:
        raise SecretUnreadable(f"{path} holds {len(key)} bytes, a key has {KEY_BYTES}")
    return key


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
