"""A worker that stays where a test wants it, in real processes, so that no test has to be quick.

`STAGE` says where: "<kind>" when a job of that kind has started the process that does its work,
which then neither reports nor ends; "publishing" when a segment that leads has its final name
and no mark. The file `STAGE_REACHED` gets the number of the process that waits there; the
publisher goes on when the file `STAGE_GO` exists.
"""

import os
import time
from pathlib import Path
from typing import Any

from media.ffmpeg import child_process
from media.ffmpeg.limits import USUAL
from media.jobs.claim import Claim
from media.services import encoding
from media.storage.local import LocalStore

STAGE = os.environ["STAGE"]
REACHED = Path(os.environ["STAGE_REACHED"])
GO = Path(os.environ["STAGE_GO"])

#: Writes its number, then does nothing. The shell and the sleep are one process group.
DEAF = f"echo $$ >{REACHED}.new; mv {REACHED}.new {REACHED}; sleep 600"


def perform(claim: Claim) -> None:
    """As ever, but for the stage."""
    if claim.job.kind == STAGE:
        ffmpeg = REACHED.with_name("deaf-ffmpeg")
        ffmpeg.write_text(f"#!/bin/sh\n{DEAF}\n")
        ffmpeg.chmod(0o755)
        os.environ["FFMPEG_BINARY"] = str(ffmpeg)
        # The child that reads media says nothing either; one that waits already is let go.
        child_process.let_go()
        child_process._LIMITS = USUAL  # Else it could not even write its number.
        child_process._argv = lambda: ("/bin/sh", "-c", DEAF)  # type: ignore[assignment]
    if claim.job.kind == "lead" and STAGE == "publishing":
        LocalStore.put_file = _put_and_wait  # type: ignore[method-assign]
    encoding.perform(claim)


_put_file = LocalStore.put_file


def _put_and_wait(self: LocalStore, key: str, made: Path) -> Any:
    _put_file(self, key, made)
    REACHED.write_text(str(os.getpid()))
    while not GO.exists():
        time.sleep(0.01)
