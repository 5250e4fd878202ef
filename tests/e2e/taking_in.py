"""A worker of the instance that plans sources and makes nothing: all the rest is for others."""

import threading
from collections.abc import Iterator
from typing import Any
from unittest import mock

from media.jobs.claim import Claim
from media.services import ingest


class _NoHeadStart:
    is_there = True

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> "_NoHeadStart":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def batches(self) -> Iterator[list[Any]]:
        return iter(())


def perform(claim: Claim) -> None:
    """Plan; hold everything else until this process ends, which hands it back."""
    if claim.job.kind == "ingest":
        with mock.patch.object(ingest, "HeadStart", _NoHeadStart):
            ingest.perform(claim)
        return
    while True:
        claim.check()
        threading.Event().wait(0.1)
