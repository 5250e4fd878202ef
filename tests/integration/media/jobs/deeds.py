"""What the worker processes of these tests do instead of encoding."""

import subprocess
import sys
import time

from media.jobs.claim import Claim


def perform(claim: Claim) -> None:
    """Work for `args["seconds"]`, as `args["manner"]` says."""
    until = time.monotonic() + claim.job.args.get("seconds", 0)
    match claim.job.args.get("manner"):
        case "deaf":
            # An ffmpeg that reports nothing: only its end lets the slot go on.
            subprocess.run(
                [sys.executable, "-c", "import time; time.sleep(60)"],
                start_new_session=True,
                check=True,
            )
        case "lost":
            time.sleep(60)  # ignores everything
        case _:
            while time.monotonic() < until:
                claim.check()
                time.sleep(0.02)
    with claim.recording():
        claim.finish()
