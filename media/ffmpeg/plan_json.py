"""Plans as JSON: small, exact and readable by any later version."""

from __future__ import annotations

import base64
from dataclasses import fields, is_dataclass
from fractions import Fraction
from typing import Any


def dump(value: Any) -> Any:
    """`value` in JSON types. Dataclasses become objects with their name under "type".

    >>> dump(Fraction(1, 30)), dump(b"moov"), dump((1, 2))
    ({'fraction': [1, 30]}, {'base64': 'bW9vdg=='}, [1, 2])
    """
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name: dump(getattr(value, field.name)) for field in fields(value)}
        return {"type": type(value).__name__, **named}
    if isinstance(value, Fraction):
        return {"fraction": [value.numerator, value.denominator]}
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, tuple):
        return [dump(item) for item in value]
    return value


def load(data: Any, types: tuple[type, ...]) -> Any:
    """What `dump` was given; `types` are the dataclasses that may occur."""
    if isinstance(data, list):
        return tuple(load(item, types) for item in data)
    if not isinstance(data, dict):
        return data
    if "fraction" in data:
        return Fraction(*data["fraction"])
    if "base64" in data:
        return base64.b64decode(data["base64"])
    known = next(known for known in types if known.__name__ == data["type"])
    names = {field.name for field in fields(known)}
    return known(**{name: load(item, types) for name, item in data.items() if name in names})
