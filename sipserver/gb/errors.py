"""Errors of the GB/T 28181 formats.

```text
GbError
├── LocalViolation            we asked for something the format cannot hold: a bug of ours
├── SsrcExhausted             all serials are taken: answer 486 or 503
└── MalformedText             bytes that are not what they claim to be: drop and count (also a ValueError)
    ├── MalformedId
    ├── MalformedDocument     MANSCDP
    ├── MalformedSdp
    ├── MalformedMansrtsp         the body of an INFO
    ├── MalformedPtz              a frame of annex A.3
    └── MalformedTime
```
"""


class GbError(Exception):
    """Anything that goes wrong while reading or writing GB/T 28181 text."""


class LocalViolation(GbError):
    """Our own code asked for something the standard cannot express."""


class MalformedText(GbError, ValueError):
    """Foreign text that cannot be read."""


class MalformedId(MalformedText):
    """Not an identifier of this standard."""


class MalformedDocument(MalformedText):
    """Not a MANSCDP document, or one that breaks a limit."""


class MalformedSdp(MalformedText):
    """Not a session description that a media session could be built on."""


class MalformedPtz(MalformedText):
    """Not a PTZ frame, or one that asks for nothing that exists."""


class MalformedMansrtsp(MalformedText):
    """Not a MANSRTSP request or answer."""


class MalformedTime(MalformedText):
    """Not a date and time in any of the forms peers are known to send."""


class SsrcExhausted(GbError):
    """Every serial of this class is in use or cooling down."""
