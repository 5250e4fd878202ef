from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from core.settings.env import Env, as_origins, settings_module


def test_every_mistake_is_told_at_once() -> None:
    env = Env({"PORT": "high", "DEBUG": "perhaps"})
    env.integer("PORT", 8000)
    env.switch("DEBUG", False)
    with pytest.raises(ImproperlyConfigured, match=r"(?s)PORT='high'.*DEBUG='perhaps'"):
        env.check()


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Env({"PORT": ""}).integer("PORT", 8000) == 8000


def test_a_number_below_its_minimum_is_a_mistake() -> None:
    env = Env({"PORT": "0"})
    env.integer("PORT", 8000, minimum=1)
    with pytest.raises(ImproperlyConfigured, match="at least 1"):
        env.check()


@pytest.mark.parametrize("text", ["*", "app.example", "https://app.example/page", "https://*.a.b"])
def test_what_is_no_origin_cannot_be_allowed(text: str) -> None:
    env = Env({"ALLOWED_ORIGINS": f"https://app.example,{text}"})
    assert env.get("ALLOWED_ORIGINS", ["https://default.example"], as_origins) == [
        "https://default.example"
    ]
    with pytest.raises(ImproperlyConfigured, match="is no origin"):
        env.check()


def test_origins_are_spelled_as_browsers_do() -> None:
    spelled = as_origins(
        "https://App.example/, http://localhost:5173, https://a.b:443, http://[::1]:80"
    )
    assert spelled == [
        "https://app.example",
        "http://localhost:5173",
        "https://a.b",
        "http://[::1]",
    ]


@pytest.mark.parametrize(
    ("variables", "module"),
    [
        ({}, "core.settings.dev"),
        ({"DATABASE_URL": "postgres://db/x"}, "core.settings.production"),
        ({"DYNO": "web.1"}, "core.settings.production"),
        ({"DATABASE_URL": "postgres://db/x", "DEBUG": "true"}, "core.settings.dev"),
        ({"DEBUG": "off"}, "core.settings.production"),
    ],
)
def test_the_variables_alone_decide_which_settings_run(
    variables: dict[str, str], module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "DB_HOST", "DYNO", "DEBUG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert settings_module(tmp_path) == module
