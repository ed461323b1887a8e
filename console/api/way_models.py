"""The ways to a camera over platforms, as the API says and accepts them (annex H of 2022)."""

from typing import Annotated

from pydantic import Field

from console.api.models import ApiCommand, ApiModel

PlatformIdText = Annotated[str, Field(pattern=r"^[0-9]{20}$")]


class ChannelWay(ApiModel):
    """One way to a camera."""

    channel: str = Field(description="`device~channel`: the camera by this way.")
    online: bool
    path_rank: int = Field(description="The lowest is asked first; -1: registered with us itself.")
    preferred_path: list[str] = Field(description="The platforms that an operator wants it asked for by.")
    path: list[str] = Field(
        description="The platforms that the picture that runs comes by, as they say (X-RoutePath)."
    )


class PreferredPath(ApiCommand):
    """The platforms that a camera is to be asked for by, the nearest first; empty: as they like."""

    path: list[PlatformIdText] = Field(max_length=16, examples=[["34012200002000000001"]])
