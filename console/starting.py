"""What a start has to know: where the keys lie, and what to say when it fails."""

from pathlib import Path

from sqlalchemy import make_url

from access.errors import SecretUnreadable
from config.schema import Settings
from console.errors import StartFailed
from console.server import bind_advice
from media.errors import ListenFailed as MediaListenFailed
from sipserver.transport.errors import ListenFailed


def secrets_directory(settings: Settings) -> Path:
    """Where the keys of this installation lie: beside a SQLite file, else with the recordings."""
    if settings.database.secrets_path:
        return Path(settings.database.secrets_path)
    url = make_url(settings.database.url)
    if url.get_backend_name() == "sqlite" and url.database:
        return Path(url.database).parent
    return settings.storage.path


def advice_on(error: Exception, settings: Settings) -> str:
    """One line about a failed start; empty when it is a bug of ours, whose trace is needed."""
    match error:
        case MediaListenFailed():
            return bind_advice("media", settings.media.host, settings.media.port, error)
        case ListenFailed() if isinstance(error.__cause__, OSError):
            return f"{error}: {bind_advice('sip', settings.sip.host, settings.sip.port, error.__cause__)}"
        case StartFailed() | ListenFailed() | SecretUnreadable():
            return str(error)
        case OSError() if error.filename:
            return f"{error.filename}: {error.strerror}; check that the path exists and may be written"
        case _:
            return ""
