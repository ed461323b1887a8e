"""One tree over everything, as the API says it."""

from typing import Literal

from pydantic import Field

from console.api.models import ApiModel

ViewName = Literal["physical", "business", "regions"]
NodeKind = Literal[
    "device", "subordinate", "camera", "main_device", "alarm", "audio_input", "audio_output", "other_device",
    "region", "system", "business_group", "virtual_organisation",
]  # fmt: skip


class TreeNode(ApiModel):
    """One place in the tree."""

    node: str = Field(
        description="Pass it as `node` for what hangs under it: a device, `device~item`, or a region."
    )
    kind: NodeKind
    name: str
    has_children: bool
    channel: str | None = Field(default=None, description="`device~channel`, of what may have a picture.")
    online: bool | None = Field(default=None, description="Of devices and cameras.")
    cameras: int | None = Field(default=None, description="Of regions and devices: how many there are.")
