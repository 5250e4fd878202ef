"""Sizes of files and functions against the habits of CONTRIBUTING.md. Informs, never fails.

python bench/stats.py
"""

import ast
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("core", "users", "media", "posts", "realtime")
LONG_FILE, LONG_FUNCTION = 400, 50


def tracked(*folders: str) -> list[Path]:
    """The Python files of `folders` that git knows, without migrations."""
    listing = subprocess.run(
        ["git", "ls-files", *[f"{folder}/*.py" for folder in folders]],
        capture_output=True,
        text=True,
        check=True,
    )
    return [Path(line) for line in listing.stdout.split() if "/migrations/" not in line]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length in lines of each function in `path`."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            yield f"{path}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def show(what: str, sizes: list[int]) -> None:
    """Median, 90th percentile and maximum."""
    ordered = sorted(sizes)
    p90 = ordered[int(len(ordered) * 0.9)]
    print(f"{what:20} median {statistics.median(ordered):5.0f}   p90 {p90:4}   max {ordered[-1]}")


def main() -> None:
    """Print the table and what is worth a look."""
    code, tests = tracked(*PACKAGES), tracked("tests")
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in code + tests}
    sizes = [pair for path in code for pair in functions(path)]
    show("files, lines", [lines[path] for path in code if lines[path]])
    show("functions, lines", [size for _, size in sizes])
    total, tested = sum(lines[path] for path in code), sum(lines[path] for path in tests)
    print(f"code {total} lines, tests {tested} lines, {tested / total:.2f} : 1")
    for path in code:
        if lines[path] > LONG_FILE:
            print(f"long file      {path}: {lines[path]}")
    for name, size in sizes:
        if size > LONG_FUNCTION:
            print(f"long function  {name}: {size}")


if __name__ == "__main__":
    main()
