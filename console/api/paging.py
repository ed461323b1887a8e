"""The two query parameters of every list."""

from typing import Annotated

from fastapi import Query

Cursor = Annotated[str | None, Query(max_length=512, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Items in one page.")]

DEFAULT_LIMIT = 200
