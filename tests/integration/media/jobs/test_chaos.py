"""Workers that are killed at random lose nothing and do nothing twice."""

import json
import os
import subprocess
import sys

import pytest

from tests.product import ROOT


@pytest.mark.parametrize(
    "engine", ["background_tasks", pytest.param("celery", marks=pytest.mark.full)]
)
def test_sixty_jobs_and_random_kills(engine: str) -> None:
    options = ["--jobs", "60", "--kills", "3", "--every", "1.5", "--seconds", "0.1", "--lease", "2"]
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "-m", "bench.chaos_jobs", *options],
        cwd=ROOT,
        env=environment | {"DEBUG": "true", "TASK_ENGINE": engine},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert outcome["jobs"] == 60
    assert (outcome["lost"], outcome["double"], outcome["orphans"]) == (0, 0, 0)
    # Lease 2 s, a sweep per second, and a loaded machine.
    assert outcome["restart_s_max"] < 2 + 2 + 4
