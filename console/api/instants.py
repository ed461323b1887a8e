"""Instants in query parameters."""

from datetime import UTC, datetime

from console.api.problems import INVALID, ApiProblem


def instant_of(name: str, text: str | None) -> datetime | None:
    """An RFC 3339 instant, or None when nothing was given.

    Raises:
        ApiProblem: it is something else.
    """
    if text is None or not text.strip():
        return None
    try:
        # A plus sign that was not encoded arrives as a blank.
        instant = datetime.fromisoformat(text.strip().replace(" ", "+"))
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    line = f"query.{name}: {text[:64]!r} is not an instant like 2026-01-31T08:00:00+08:00"
    raise ApiProblem(INVALID, line, errors=[line])
