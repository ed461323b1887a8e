"""Why a source gives no picture.

```text
MediaError
└── SourceFailed             a source outside gave no stream; ``verdict`` says why in one word
    ├── SourceUnreachable    its name is unknown, or no way leads to it
    ├── SourceRefused        the host answered, and nobody listens at the port
    ├── SourceTimedOut       nothing came within the time
    ├── SourceUnauthorised   401: the credentials are wrong or missing
    ├── SourceForbidden      403
    ├── SourceNotFound       404: no such stream there
    ├── SourceRejected       another refusal of the protocol
    ├── SourceProtocol       what came is not the protocol
    ├── NoVideo              the stream has no picture
    ├── CodecNotCarried      its picture has a codec that this platform does not carry
    ├── NoPicture            it streams, but no key frame with its parameter sets came in time
    └── SourceEnded          the stream ended at the other side
```
"""

from __future__ import annotations

from typing import ClassVar

from media.errors import MediaError


class SourceFailed(MediaError):
    """A source outside gave no stream. Texts never hold credentials."""

    verdict: ClassVar[str] = "failed"
    is_reachable: ClassVar[bool] = False
    """Whether the source itself answered."""


class SourceUnreachable(SourceFailed):
    """Its name is unknown, or no way leads to it."""

    verdict = "unreachable"


class SourceRefused(SourceFailed):
    """The host answered that nobody listens at the port."""

    verdict = "refused"


class SourceTimedOut(SourceFailed):
    """Nothing came within the time."""

    verdict = "timeout"


class SourceUnauthorised(SourceFailed):
    """401: the credentials are wrong or missing."""

    verdict = "unauthorised"
    is_reachable = True


class SourceForbidden(SourceFailed):
    """403: these credentials may not have this stream."""

    verdict = "forbidden"
    is_reachable = True


class SourceNotFound(SourceFailed):
    """404: no such stream there."""

    verdict = "not_found"
    is_reachable = True


class SourceRejected(SourceFailed):
    """Another refusal of the protocol, a 4xx or 5xx."""

    verdict = "rejected"
    is_reachable = True


class SourceProtocol(SourceFailed):
    """What came is not the protocol that was asked for."""

    verdict = "protocol"
    is_reachable = True


class NoVideo(SourceFailed):
    """The stream has no picture."""

    verdict = "no_video"
    is_reachable = True


class CodecNotCarried(SourceFailed):
    """The picture has a codec that this platform does not carry."""

    verdict = "codec"
    is_reachable = True


class NoPicture(SourceFailed):
    """It streams, but no key frame with its parameter sets came in time."""

    verdict = "no_keyframe"
    is_reachable = True


class SourceEnded(SourceFailed):
    """The stream ended at the other side."""

    verdict = "ended"
