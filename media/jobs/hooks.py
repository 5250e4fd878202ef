"""What the layers above ask of the jobs: to be told of a failure, to be called now and then.

Registered in `AppConfig.ready()`. The services stand above the jobs and may import them, never
the other way round.
"""

from collections.abc import Callable
from dataclasses import dataclass

from media.models import Job

OnFailed = Callable[[Job], None]

_on_failed: list[OnFailed] = []


def on_failed(handler: OnFailed) -> None:
    """Call `handler` with each job that ends in `failed`, inside the transaction that ends it.

    A failed job is so never seen beside a media file that knows nothing of it.
    """
    if handler not in _on_failed:
        _on_failed.append(handler)


def tell_failed(job: Job) -> None:
    """Tell every handler. What one raises rolls the end of the job back."""
    for handler in _on_failed:
        handler(job)


@dataclass(frozen=True)
class Duty:
    """Something that has to be done now and then by one of the workers."""

    name: str
    every_seconds: float
    perform: Callable[[], object]


_duties: dict[str, Duty] = {}


def every(seconds: float, name: str, perform: Callable[[], object]) -> None:
    """Have one worker call `perform` about every `seconds`.

    It must be idempotent: when a worker dies, another one may begin anew.
    """
    _duties[name] = Duty(name, seconds, perform)


def duties() -> list[Duty]:
    """All registered duties."""
    return list(_duties.values())
