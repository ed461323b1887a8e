"""Why somebody cannot be spoken to, beside the reasons that every device has.

::

    DeviceError
    └── AudioDeskError
        ├── AudioBusy             the loudspeaker is in another session
        ├── TooManySessions       sessions, clips or schedules are at their limit
        ├── NoMicrophone          the session plays a clip and takes no browser
        ├── UnknownAudioSession   it never was, or it has ended
        ├── UnknownClip
        ├── ClipInUse             a schedule plays it
        └── UnknownSchedule
"""

from __future__ import annotations

from sipserver.devices.errors import DeviceError


class AudioDeskError(DeviceError):
    """Anything about sessions, clips and schedules of sound."""


class AudioBusy(AudioDeskError):
    """The loudspeaker is in another session."""


class TooManySessions(AudioDeskError):
    """A limit of the settings is reached."""


class NoMicrophone(AudioDeskError):
    """The session plays a clip."""


class UnknownAudioSession(AudioDeskError):
    """No session has this id now."""


class UnknownClip(AudioDeskError):
    """No clip has this id."""


class ClipInUse(AudioDeskError):
    """A schedule plays this clip."""


class UnknownSchedule(AudioDeskError):
    """No schedule has this id."""
