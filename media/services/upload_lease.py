"""The three statements that every chunk of every upload costs, written out.

They are the lease and the offset of `media.services.uploads` and nothing else. Through the ORM
they take four times the processor time, most of it for building the same SQL again.
"""

import uuid
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from media.jobs.clock import now_sql
from media.models import Upload

#: Who has not recorded anything for so long may be overtaken by a new request.
LEASE_SECONDS = 3

_LOOK = """
SELECT offset_bytes, length_bytes, lease_token FROM media_upload
WHERE id = %s AND owner_id = %s AND state = 'receiving' AND media_file_id IS NOT NULL
  AND expires_at > {now} AND (lease_expires_at IS NULL OR lease_expires_at < {now})
"""

_TAKE = """
UPDATE media_upload
SET lease_token = %s, lease_expires_at = {lease}, length_bytes = %s, expires_at = %s
WHERE id = %s AND lease_token = %s AND offset_bytes = %s
  AND state = 'receiving' AND media_file_id IS NOT NULL
  AND (lease_expires_at IS NULL OR lease_expires_at < {now})
"""

_MOVE = """
UPDATE media_upload SET offset_bytes = %s, lease_expires_at = {lease}, expires_at = %s
WHERE id = %s AND lease_token = %s AND offset_bytes = %s
  AND state = 'receiving' AND media_file_id IS NOT NULL
"""


class Free(NamedTuple):
    """An upload that may be appended to now."""

    offset_bytes: int
    length_bytes: int | None
    lease_token: int


def look(upload_id: uuid.UUID, owner_id: uuid.UUID) -> Free | None:
    """The upload, if it is the owner's, alive, and nobody appends to it."""
    with connection.cursor() as cursor:
        cursor.execute(_sql(_LOOK), [_id(upload_id), _owner(owner_id)])
        row = cursor.fetchone()
    return None if row is None else Free(*row)


def take(
    upload_id: uuid.UUID,
    *,
    token: int,
    offset_bytes: int,
    length_bytes: int | None,
    expires_at: datetime,
) -> bool:
    """Take the lease under the number `token`; False when the row is not as it was any more."""
    values = [token, length_bytes, _moment(expires_at), _id(upload_id), token - 1, offset_bytes]
    return _update(_sql(_TAKE), values)


def move(
    upload_id: uuid.UUID,
    *,
    token: int,
    from_bytes: int,
    to_bytes: int,
    release: bool,
    expires_at: datetime,
) -> bool:
    """Move the offset and renew or release the lease; False when it is somebody else's."""
    values = [to_bytes, _moment(expires_at), _id(upload_id), token, from_bytes]
    return _update(_sql(_MOVE, lease="NULL" if release else None), values)


def _update(statement: str, values: list[Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        moved: int = cursor.rowcount
    return moved > 0


def _sql(template: str, lease: str | None = None) -> str:
    return template.format(now=now_sql(), lease=lease or _lease_sql())


def _lease_sql() -> str:
    if connection.vendor == "sqlite":
        return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '+{LEASE_SECONDS} seconds')"
    return f"statement_timestamp() + interval '{LEASE_SECONDS} seconds'"


def _id(upload_id: uuid.UUID) -> Any:
    return Upload._meta.pk.get_db_prep_value(upload_id, connection)


def _owner(owner_id: uuid.UUID) -> Any:
    return Upload._meta.get_field("owner").get_db_prep_value(owner_id, connection)


def _moment(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)
