"""Errors of sound that is sent and received.

```text
MediaError
└── AudioError
    ├── UnreadableAudio    a file that is no WAV or MP3, or damaged
    ├── AudioTooLong       longer than a clip may be
    ├── UnsupportedAudio   the peer offers no payload that is spoken here
    └── LinkFailed         no connection to the peer could be made
```
"""

from media.errors import MediaError


class AudioError(MediaError):
    """Anything that goes wrong between a microphone or file and a loudspeaker."""


class UnreadableAudio(AudioError):
    """The file is no WAV or MP3, or it is damaged."""


class AudioTooLong(AudioError):
    """The file is longer than a clip may be."""


class UnsupportedAudio(AudioError):
    """The peer offers no payload that is spoken here."""


class LinkFailed(AudioError):
    """The connection for the sound was refused, or did not come in time."""
