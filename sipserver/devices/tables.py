"""The one table of this room: invites that were accepted and not yet ended.

Cameras go on sending to old ports when the platform dies with sessions open (Q81). What is needed to say
BYE therefore outlives the process.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Integer, MetaData, String, Table, Text

from catalog.columns import ID_LENGTH, NAMING, UtcTime

metadata: Final = MetaData(naming_convention=NAMING)

open_dialogs: Final = Table(
    "open_dialogs",
    metadata,
    Column("call_id", String(255), primary_key=True, comment="Call-ID of our INVITE"),
    Column("device_id", String(ID_LENGTH), nullable=False, comment="the registered device"),
    Column("channel_id", String(ID_LENGTH), nullable=False, comment="the channel that was invited"),
    Column("target", Text, nullable=False, comment="Request-URI of requests in the dialog"),
    Column("local", Text, nullable=False, comment="From of our requests, with tag"),
    Column("remote", Text, nullable=False, comment="To of our requests, with tag"),
    Column("cseq", Integer, nullable=False, comment="highest CSeq that we used"),
    Column("ssrc", String(10), nullable=False, comment="y= of the offer"),
    Column("opened_time", UtcTime, nullable=False, comment="when the device accepted it, µs UTC"),
)
