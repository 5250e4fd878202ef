"""Run the matrix on two cores and write its page, docs/sources.md (`make media-matrix`).

    python -m tests.matrix [pytest arguments]

The page is written only after a whole, green run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.matrix.page import PAGE, ROWS_VARIABLE, read_rows, text
from tests.matrix.sources import SOURCES


def main(arguments: list[str]) -> int:
    """Return the exit code of the tests."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "-n", "2", "-m", "matrix", "tests/matrix"]
        code = subprocess.run(
            [*command, *arguments], env=os.environ | {ROWS_VARIABLE: folder}, check=False
        ).returncode
        rows = read_rows(Path(folder))
        for source in SOURCES:
            if source.name in rows:
                print(rows[source.name])
        if code == 0 and len(rows) == len(SOURCES):
            PAGE.write_text(text(rows), "utf-8")
            print(f"{len(rows)} sources; written to {PAGE.relative_to(Path.cwd())}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
