"""The database's clock. Leases are never compared with the clock of a worker's machine."""

from datetime import timedelta

from django.db import connection
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now


def in_seconds(
    seconds: float,
) -> "ExpressionWrapper[CombinedExpression]":
    """The moment so many seconds from now (negative: ago), by the database's clock."""
    return ExpressionWrapper(Now() + timedelta(seconds=seconds), output_field=DateTimeField())


def now_sql(seconds: int = 0) -> str:
    """`in_seconds` for the statements that are written out.

    SQLite keeps moments as text; this is the form in which Django writes and compares them.
    """
    if connection.vendor == "sqlite":
        return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '{seconds:+d} seconds')"
    return f"statement_timestamp() + interval '{seconds:d} seconds'"
