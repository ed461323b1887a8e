"""What a broken or lying device does to a document: seeded damage, one name for each kind."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_LEAF: Final = re.compile(r"<(\w+)>([^<]*)</\1>")
_HEAD: Final = ("CmdType",)
NUMBERS: Final = (
    "-1", "0", "4294967296", "9" * 18, "9" * 400, "-" + "9" * 18, "1e308", "1e999", "NaN", "-nan", "inf",
    "0x10", "1.5", "٣", "²", "+-1", " ", "",
)  # fmt: skip
TIMES: Final = (
    "9999-12-31T23:59:59", "0000-00-00T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    "1900-01-01", "2026-13-40T99:99:99", "2026-02-30T00:00:00Z", "T", "99999999999999999999",
)  # fmt: skip
TEXTS: Final = (
    "x" * 5_000, "'; DROP TABLE channels; --", "../../../etc/passwd", "\u202e", "\u0001", "😀" * 50,
    "&lt;script&gt;", "]]&gt;", "%s%n{0}{device}", "\t \t", "null", "None", "true",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Names:
    """Ids that a liar may put where its own belong."""

    others: Sequence[str]
    """Of other devices and channels, of the platform, of nobody."""


Damage = Callable[[str, random.Random, Names], str | bytes]


def _leaf(text: str, dice: random.Random) -> re.Match[str] | None:
    """Any leaf but the command's name, without which it is no document of this command."""
    found = [match for match in _LEAF.finditer(text) if match[1] not in _HEAD]
    return dice.choice(found) if found else None


def _with_value(text: str, dice: random.Random, value: str) -> str:
    match = _leaf(text, dice)
    if match is None:
        return text
    return f"{text[: match.start(2)]}{value}{text[match.end(2) :]}"


def _missing(text: str, dice: random.Random, _: Names) -> str:
    match = _leaf(text, dice)
    return text if match is None else text[: match.start()] + text[match.end() :]


def _number(text: str, dice: random.Random, _: Names) -> str:
    return _with_value(text, dice, dice.choice(NUMBERS))


def _time(text: str, dice: random.Random, _: Names) -> str:
    return _with_value(text, dice, dice.choice(TIMES))


def _text(text: str, dice: random.Random, _: Names) -> str:
    return _with_value(text, dice, dice.choice(TEXTS))


def _other_id(text: str, dice: random.Random, names: Names) -> str:
    ids = [match for match in _LEAF.finditer(text) if match[1].endswith("ID")]
    if not ids:
        return text
    match = dice.choice(ids)
    return f"{text[: match.start(2)]}{dice.choice(names.others)}{text[match.end(2) :]}"


def _every_id(text: str, dice: random.Random, names: Names) -> str:
    other = dice.choice(names.others)
    return re.sub(r"<(\w*ID)>[^<]*<", rf"<\1>{other}<", text)


def _attributes(text: str, dice: random.Random, _: Names) -> str:
    """The children of the root as its attributes."""
    root = text[1 : text.index(">")]
    leaves = dict(match.groups() for match in _LEAF.finditer(text))
    inside = " ".join(f'{name}="{value}"' for name, value in leaves.items())
    return f"<{root} {inside}/>" if dice.random() < 0.5 else f"<{root} {inside}>{text[len(root) + 2 :]}"


def _deep(text: str, dice: random.Random, _: Names) -> str:
    match = _leaf(text, dice)
    depth = dice.choice((3, 15, 17, 500, 5_000))
    place = len(text) // 2 if match is None else match.start()
    return f"{text[:place]}{'<Info>' * depth}1{'</Info>' * depth}{text[place:]}"


def _group_for_leaf(text: str, dice: random.Random, _: Names) -> str:
    return _with_value(text, dice, "<Item><Item>1</Item></Item>")


def _double(text: str, dice: random.Random, _: Names) -> str:
    match = _leaf(text, dice)
    if match is None:
        return text
    return text[: match.end()] + match[0] * dice.choice((1, 2, 300)) + text[match.end() :]


def _items(text: str, dice: random.Random, _: Names) -> str:
    """Lists that are longer than they say, up to the most that a message may hold, and beyond."""
    found = re.search(r"<(Item|CruiseTrack|CruisePoint|SnapShotFileID)>.*?</\1>", text)
    if found is None:
        return text
    count = dice.choice((2, 50, 9_999 if dice.random() < 0.05 else 200))
    return text[: found.start()] + found[0] * count + text[found.end() :]


def _lying_size(text: str, dice: random.Random, _: Names) -> str:
    number = dice.choice(NUMBERS)
    text = re.sub(r"<SumNum>\d+<", f"<SumNum>{number}<", text)
    return re.sub(r"Num=(['\"])\d+", rf"Num=\g<1>{number}", text)


def _truncated(text: str, dice: random.Random, _: Names) -> str:
    return text[: dice.randrange(len(text))]


def _wrong_charset(text: str, dice: random.Random, _: Names) -> bytes:
    label, codec = dice.choice(
        (
            ("UTF-8", "gb18030"),
            ("GB2312", "utf-8"),
            ("utf-16", "utf-8"),
            ("no-such", "gb18030"),
            ("GB2312", "utf-16"),
            ("ascii", "gb18030"),
        )
    )
    data = f'<?xml version="1.0" encoding="{label}"?>{text}'.encode(codec)
    return data.replace("门".encode("gb18030"), bytes(dice.randrange(256) for _ in range(5)))


def _bytes(text: str, dice: random.Random, _: Names) -> bytes:
    data = bytearray(text.encode("gb18030"))
    for _number in range(dice.randint(1, 8)):
        at = dice.randrange(len(data))
        match dice.randrange(3):
            case 0:
                data[at] = dice.randrange(256)
            case 1:
                del data[at : at + dice.randrange(1, 30)]
            case _:
                data[at:at] = data[max(at - 20, 0) : at] * 2
        if not data:
            break
    return bytes(data)


def _no_head(text: str, dice: random.Random, _: Names) -> str:
    name = dice.choice(("CmdType", "SN", "DeviceID"))
    return re.sub(rf"<{name}>[^<]*</{name}>", dice.choice(("", f"<{name}/>")), text, count=1)


def _other_root(text: str, dice: random.Random, _: Names) -> str:
    own = text[1 : text.index(">")]
    other = dice.choice(("Query", "Control", "Notify", "Response", "response", "Html"))
    return text.replace(f"<{own}>", f"<{other}>", 1)[: -len(own) - 3] + f"</{other}>"


def _whole(text: str, _dice: random.Random, _: Names) -> str:
    return text


DAMAGES: Final[Mapping[str, Damage]] = {
    "whole": _whole,
    "missing": _missing,
    "number": _number,
    "time": _time,
    "text": _text,
    "other id": _other_id,
    "every id": _every_id,
    "attributes": _attributes,
    "deep": _deep,
    "group for leaf": _group_for_leaf,
    "double": _double,
    "items": _items,
    "lying size": _lying_size,
    "truncated": _truncated,
    "wrong charset": _wrong_charset,
    "bytes": _bytes,
    "no head": _no_head,
    "other root": _other_root,
}


def damaged(text: str, name: str, dice: random.Random, names: Names) -> bytes:
    """The document with damage of this kind, and sometimes with a second one on top."""
    result = DAMAGES[name](text, dice, names)
    if isinstance(result, str) and result and name != "whole" and dice.random() < 0.3:
        second = dice.choice(("number", "time", "missing", "double", "other id"))
        result = DAMAGES[second](result, dice, names)
    return result if isinstance(result, bytes) else result.encode("gb18030", "replace")
