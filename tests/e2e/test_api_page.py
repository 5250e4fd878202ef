"""The commands of docs/api.md, as a reader would type them."""

import os
import re
import subprocess
from pathlib import Path

from posts import demo
from tests.product import ROOT, Product


def test_the_commands_of_the_api_page_run_from_top_to_bottom(
    product: Product, tmp_path: Path
) -> None:
    page = (ROOT / "docs/api.md").read_text("utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```$", page, re.M | re.S)
    assert len(blocks) > 5
    clip = tmp_path / "clip.mp4"
    demo.render(demo.TEST_CARD, clip, seconds=2)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
        env=os.environ | {"URL": product.url, "CLIP": str(clip)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"text":"Well done."' in done.stdout
    feed = product.call("GET", "/api/posts/")["results"]
    assert [(post["text"], post["likes"], post["comments"]) for post in feed] == [
        ("My first clip", 1, 1)
    ]
