"""The 8 bytes that carry a PTZ instruction, written as 16 hex digits (前端设备控制协议).

Source: GB/T 28181-2022 A.3.1; section 4.1 of the protocol notes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from sipserver.gb.errors import LocalViolation, MalformedPtz

FRAME_BYTES: Final = 8
FIRST_BYTE: Final = 0xA5
# Version 1.0 in the high nibble; the low one is 0xA + 0x5 + 0 modulo 16.
SECOND_BYTE: Final = 0x0F
DEFAULT_ADDRESS: Final = 1


@dataclass(frozen=True, slots=True)
class PtzFrame:
    """One frame: the command byte and its three data fields.

    Args:
        data3: the high nibble of byte 7.
        address: twelve bits. Nobody is addressed by it (DeviceID does that), so it is ignored on reception.
    """

    command: int
    data1: int = 0
    data2: int = 0
    data3: int = 0
    address: int = DEFAULT_ADDRESS

    @classmethod
    def parse(cls, text: str, *, strict: bool = False) -> Self:
        """Read 16 hex digits in any case, with or without blanks between them.

        Args:
            strict: refuse a wrong second byte too; some clients get its check nibble wrong. GB-C083.

        Raises:
            MalformedPtz: the length, the first byte or the checksum is wrong.
        """
        digits = "".join(text.split())
        if len(digits) != 2 * FRAME_BYTES or not digits.isascii() or not digits.isalnum():
            raise MalformedPtz(f"{text[:40]!r} is not {2 * FRAME_BYTES} hex digits")
        try:
            frame = bytes.fromhex(digits)
        except ValueError:
            raise MalformedPtz(f"{text[:40]!r} is not {2 * FRAME_BYTES} hex digits") from None
        if frame[0] != FIRST_BYTE or (strict and frame[1] != SECOND_BYTE):
            raise MalformedPtz(f"a frame begins with A50F, this one with {frame[:2].hex().upper()}")
        if frame[7] != sum(frame[:7]) % 256:
            raise MalformedPtz(f"the checksum is {frame[7]:02X}, the bytes give {sum(frame[:7]) % 256:02X}")
        return cls(frame[3], frame[4], frame[5], frame[6] >> 4, (frame[6] & 0x0F) << 8 | frame[2])

    def serialize(self) -> str:
        """16 upper-case hex digits.

        Raises:
            LocalViolation: a field does not fit.
        """
        for value, largest in (
            (self.command, 0xFF),
            (self.data1, 0xFF),
            (self.data2, 0xFF),
            (self.data3, 0xF),
            (self.address, 0xFFF),
        ):
            if not 0 <= value <= largest:
                raise LocalViolation(f"{self} has a field that does not fit")
        head = bytes(
            (
                FIRST_BYTE,
                SECOND_BYTE,
                self.address & 0xFF,
                self.command,
                self.data1,
                self.data2,
                self.data3 << 4 | self.address >> 8,
            )
        )
        return (head + bytes((sum(head) % 256,))).hex().upper()
