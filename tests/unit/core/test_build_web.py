from pathlib import Path

from core.management.commands.build_web import fingerprint, node_version


def make_web(folder: Path) -> Path:
    (folder / "src").mkdir()
    (folder / "src" / "main.tsx").write_text("start()", "utf-8")
    (folder / "package.json").write_text("{}", "utf-8")
    return folder


def test_a_changed_source_changes_the_fingerprint(tmp_path: Path) -> None:
    web = make_web(tmp_path)
    before = fingerprint(web)
    assert fingerprint(web) == before
    (web / "src" / "main.tsx").write_text("start(1)", "utf-8")
    assert fingerprint(web) != before


def test_what_does_not_reach_the_build_does_not_change_the_fingerprint(tmp_path: Path) -> None:
    web = make_web(tmp_path)
    before = fingerprint(web)
    (web / "node_modules").mkdir()
    (web / "node_modules" / "x.js").write_text("1", "utf-8")
    assert fingerprint(web) == before


def test_a_node_that_is_not_there_has_version_zero(tmp_path: Path) -> None:
    assert node_version(str(tmp_path / "node")) == (0,)
