"""What is pinned today can be installed tomorrow."""

import re
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[3]
PINS = [
    Requirement(line.split(";")[0].rstrip("\\ \n"))
    for file in ("requirements.txt", "requirements-dev.txt")
    for line in re.findall(r"^[a-z0-9].*==.*$", (ROOT / file).read_text("utf-8"), re.MULTILINE)
]
EXTRAS = {canonicalize_name(pin.name): pin.extras for pin in PINS}


def wanted_by(pin: Requirement) -> list[Requirement]:
    """What a pinned package, with the extras of its pin, needs here."""
    try:
        needed = [Requirement(line) for line in requires(pin.name) or ()]
    except PackageNotFoundError:  # pinned for another platform or Python
        return []
    return [
        each
        for each in needed
        if each.marker is None or any(each.marker.evaluate({"extra": e}) for e in {"", *pin.extras})
    ]


def test_an_extra_that_is_needed_is_pinned_with_it() -> None:
    # Older pips take `name==1` for another requirement than `name[extra]`, find a newer release
    # of that as soon as there is one, and refuse it since it has no hash.
    assert len(EXTRAS) > 100
    lacking = [
        f"{pin.name} needs {need}"
        for pin in PINS
        for need in wanted_by(pin)
        if not need.extras <= EXTRAS[canonicalize_name(need.name)]
    ]
    assert lacking == []
