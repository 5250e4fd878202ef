import pytest

from core.static import StaticFiles


@pytest.mark.parametrize(
    ("url", "is_for_ever"),
    [
        ("/static/assets/main-DPiWjyES.js", True),
        ("/static/assets/figtree-latin-wght-normal-D_ZTVpCC.woff2", True),
        ("/static/icon.svg", False),
        ("/static/admin/css/base.css", False),
        ("/static/assets/main.js", False),
    ],
)
def test_only_what_vite_hashed_is_kept_for_ever(url: str, is_for_ever: bool) -> None:
    middleware = StaticFiles.__new__(StaticFiles)
    assert middleware.immutable_file_test("", url) is is_for_ever
