"""What can go wrong with a camera that is asked over ONVIF.

```text
MediaError
└── OnvifFailed             the camera gave no usable answer; ``verdict`` says why in one word
    ├── OnvifUnreachable    no connection, or no answer in time
    ├── OnvifUnauthorised   the credentials are wrong, missing, or the clocks differ too much
    ├── OnvifFault          the camera answered with a SOAP fault
    └── MalformedOnvif      what came is no answer of ONVIF
```
"""

from __future__ import annotations

from typing import ClassVar

from media.errors import MediaError


class OnvifFailed(MediaError):
    """The camera gave no usable answer."""

    verdict: ClassVar[str] = "failed"


class OnvifUnreachable(OnvifFailed):
    """No connection, or no answer in time."""

    verdict = "unreachable"


class OnvifUnauthorised(OnvifFailed):
    """The credentials are wrong or missing, or the clocks differ too much for them."""

    verdict = "unauthorised"


class OnvifFault(OnvifFailed):
    """The camera answered with a SOAP fault."""

    verdict = "fault"


class MalformedOnvif(OnvifFailed):
    """What came is no answer of ONVIF."""

    verdict = "malformed"
