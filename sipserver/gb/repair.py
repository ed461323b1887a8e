"""Repairs for documents that no XML parser accepts.

Each function takes text and gives text; ``quirks.py`` names them and says who sends such things. Every
pattern is linear in the length of the text.
"""

import re
from typing import Final

_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_CONTROL_REFERENCE: Final = re.compile(
    r"&#(?:0{0,8}(?:[0-8]|1[124-9]|2[0-9]|3[01])|[xX]0{0,8}(?:[0-8bBcCeEfF]|1[0-9a-fA-F]));"
)
_RAW_AMPERSAND: Final = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});)")
_DECLARATION: Final = re.compile(r"<\?xml[^>]{0,300}\?>", re.IGNORECASE)
_TAG: Final = re.compile(r"<(/?)([A-Za-z_][\w.-]{0,63})(?=[\s/>])")
_PREFIX: Final = re.compile(r"(</?)[A-Za-z_][\w.-]{0,63}:(?=[A-Za-z_])")
_NAMESPACE: Final = re.compile(
    r"\sxmlns(?::[\w.-]{1,64})?\s{0,4}=\s{0,4}(?:\"[^\"<]{0,500}\"|'[^'<]{0,500}')"
)


def strip_declaration(text: str) -> str:
    """Drop the XML declaration and anything around the document element.

    The text is decoded already; a declaration that still names GB2312 would only mislead the parser.
    Blanks, NULs and other remains before the first ``<`` and after the last ``>`` go too.
    """
    start = text.find("<")
    end = text.rfind(">") + 1
    inner = text[start:end] if 0 <= start < end else ""
    return _DECLARATION.sub("", inner, count=1).lstrip() if inner.startswith("<?") else inner


def delete_control_characters(text: str) -> str:
    """Characters that XML cannot hold, NUL included, written raw."""
    return _CONTROL.sub("", text)


def delete_control_references(text: str) -> str:
    """The same characters written as references, such as ``&#0;``."""
    return _CONTROL_REFERENCE.sub("", text)


def escape_raw_ampersands(text: str) -> str:
    """Every ``&`` that does not begin one of the five entities or a character reference."""
    return _RAW_AMPERSAND.sub("&amp;", text)


def escape_raw_less_than(text: str) -> str:
    """Every ``<`` that begins neither a tag nor a comment.

    A name counts as a tag when the document closes it somewhere (``</name``) or it is written as one
    whole empty tag; so an unknown vendor element survives, and the ``<3F>`` in a camera's name does not.
    """
    closed = {match[2] for match in _TAG.finditer(text) if match[1]}
    pieces: list[str] = []
    position = 0
    while (start := text.find("<", position)) >= 0:
        pieces.append(text[position:start])
        pieces.append("<" if _begins_markup(text, start, closed) else "&lt;")
        position = start + 1
    pieces.append(text[position:])
    return "".join(pieces)


def remove_prefixes(text: str) -> str:
    """Namespace prefixes and declarations; some are used without being declared."""
    return _NAMESPACE.sub("", _PREFIX.sub(r"\1", text))


def complete_items(text: str, name: str = "Item") -> list[str]:
    """The whole ``<Item>...</Item>`` blocks of a damaged document, in order."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a letter whose lower case is longer would shift every offset
        lowered = text
    opening, closing = f"<{name.lower()}", f"</{name.lower()}>"
    blocks: list[str] = []
    end = 0
    while (stop := lowered.find(closing, end)) >= 0:
        start = lowered.rfind(opening, end, stop)
        if start >= 0 and lowered[start + len(opening) : start + len(opening) + 1] in {
            ">",
            " ",
            "\t",
            "\r",
            "\n",
        }:
            blocks.append(text[start : stop + len(closing)])
        end = stop + len(closing)
    return blocks


def _begins_markup(text: str, start: int, closed: set[str]) -> bool:
    following = text[start + 1 : start + 2]
    if following == "!":
        return text.startswith(("<!--", "<![CDATA["), start)
    if following == "?":
        return True
    match = _TAG.match(text, start)
    if match is None:
        return False
    if match[2] in closed:
        return True
    end = text.find(">", start, start + 256)
    return end > 0 and text[end - 1] == "/"
