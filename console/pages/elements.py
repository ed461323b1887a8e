"""The two Vue components that NiceGUI puts on the pages; the rest are modules that these import."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nicegui.dependencies import register_esm
from nicegui.element import Element

COMPONENTS: Final = Path(__file__).parent / "components"

# Browsers keep the modules for a year under an address with this number: it changes with any of them.
register_esm("tongshi", COMPONENTS, max_time=max(path.stat().st_mtime for path in COMPONENTS.iterdir()))


class ConsoleElement(Element, component=COMPONENTS / "console.js"):
    """The main page."""


class LoginElement(Element, component=COMPONENTS / "login.js"):
    """The log-in page."""
