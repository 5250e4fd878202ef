"""A typed reader of environment variables that reports every mistake at once.

Values come from the process environment, or from a `.env` file in the project folder for
those that the environment does not set.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

from core.origins import DEFAULT_PORTS, parse_origin

Value = TypeVar("Value")

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def parse_dotenv(text: str) -> dict[str, str]:
    """The variables of a `.env` file: `NAME=value` lines, comments, optional quotes.

    >>> parse_dotenv("# secret\\nPORT=8001\\nexport NAME='a b'\\n")
    {'PORT': '8001', 'NAME': 'a b'}
    """
    values = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            values[name.strip()] = value.strip().strip("'\"")
    return values


def as_bool(text: str) -> bool:
    """Read a switch: 1/0, true/false, yes/no, on/off, in any case."""
    word = text.strip().lower()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise ValueError("use true or false")


def as_list(text: str) -> list[str]:
    """Read a comma-separated list; empty items are dropped."""
    return [item.strip() for item in text.split(",") if item.strip()]


def one_of(*words: str) -> Callable[[str], str]:
    """Read one of some words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"use {' or '.join(words)}")
        return text

    return read


def as_origins(text: str) -> list[str]:
    """Read a list of origins (`https://app.example`), each as browsers spell it."""
    return [_spelled(origin) for origin in as_list(text)]


def _spelled(origin: str) -> str:
    parsed = parse_origin(origin)
    if parsed is None:
        raise ValueError(f"{origin} is no origin: write a scheme and a host, as https://a.example")
    scheme, _, _ = parsed
    # Django compares its own copy of the list letter by letter with what browsers send.
    return origin.lower().removesuffix("/").removesuffix(f":{DEFAULT_PORTS[scheme]}")


class Env:
    """Reads variables and remembers what was wrong; call `check()` once at the end."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._mistakes: list[str] = []

    @classmethod
    def load(cls, folder: Path) -> "Env":
        """The process environment, with `.env` in `folder` for what it does not set."""
        dotenv = folder / ".env"
        file_values = parse_dotenv(dotenv.read_text("utf-8")) if dotenv.is_file() else {}
        return cls(file_values | dict(os.environ))

    def get(self, name: str, default: Value, read: Callable[[str], Value]) -> Value:
        """The value of `name` as `read` understands it, or `default` where it is not set."""
        text = self._values.get(name)
        if text is None or text == "":
            return default
        try:
            return read(text)
        except ValueError as error:
            self.complain(f"{name}={text!r} cannot be used: {error}.")
            return default

    def text(self, name: str, default: str = "") -> str:
        """A string."""
        return self.get(name, default, str)

    def integer(self, name: str, default: int, *, minimum: int = 0) -> int:
        """A whole number, at least `minimum`."""

        def read(text: str) -> int:
            number = int(text)
            if number < minimum:
                raise ValueError(f"it must be at least {minimum}")
            return number

        return self.get(name, default, read)

    def switch(self, name: str, default: bool) -> bool:
        """A boolean."""
        return self.get(name, default, as_bool)

    def items(self, name: str, default: list[str]) -> list[str]:
        """A comma-separated list."""
        return self.get(name, default, as_list)

    def is_set(self, name: str) -> bool:
        """Whether `name` has a value."""
        return bool(self._values.get(name))

    def complain(self, mistake: str) -> None:
        """Remember a mistake for `check()`."""
        self._mistakes.append(mistake)

    def check(self) -> None:
        """Raise ImproperlyConfigured with every mistake found so far."""
        if self._mistakes:
            raise ImproperlyConfigured("\n".join(["The settings cannot be used:", *self._mistakes]))


def settings_module(folder: Path) -> str:
    """The settings that the environment asks for.

    `DEBUG` decides where it is set. Where it is not, an instance with a database server or a
    platform's `DYNO` variable is a deployment; everything else is somebody's laptop.
    """
    env = Env.load(folder)
    deployed = any(env.is_set(name) for name in ("DATABASE_URL", "DB_HOST", "DYNO"))
    return "core.settings.dev" if env.switch("DEBUG", not deployed) else "core.settings.production"
