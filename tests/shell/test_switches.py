"""What the web engine is told by its environment, and what it is not."""

from __future__ import annotations

import os

import pytest

from shell_client.browser.switches import close_engine_switches
from shell_client.config import ConfigError

URL = "https://till.example.com"


def as_user(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: number, raising=False)


def test_nothing_of_the_environment_reaches_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    as_user(monkeypatch, 1000)
    environ = {
        "HOME": "/home/till",
        "QTWEBENGINE_CHROMIUM_FLAGS": "--ignore-certificate-errors --no-sandbox",
        "QTWEBENGINE_REMOTE_DEBUGGING": "9222",
        "QTWEBENGINEPROCESS_PATH": "/tmp/other",
        "QtWebEngine_Resources_Path": "/tmp",
        "SSLKEYLOGFILE": "/tmp/keys",
    }

    close_engine_switches(environ, api_base_url=URL)

    assert environ == {
        "HOME": "/home/till",
        "QTWEBENGINE_CHROMIUM_FLAGS": '"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE till.example.com"'
        " --force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    }


def test_the_sandbox_stays_on_for_everyone_but_root(monkeypatch: pytest.MonkeyPatch) -> None:
    as_user(monkeypatch, 1000)
    environ = {"QTWEBENGINE_DISABLE_SANDBOX": "1"}

    close_engine_switches(environ, api_base_url=URL)

    assert "QTWEBENGINE_DISABLE_SANDBOX" not in environ


def test_root_starts_without_a_sandbox_only_where_he_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    as_user(monkeypatch, 0)
    environ = {"QTWEBENGINE_DISABLE_SANDBOX": "1"}

    close_engine_switches(environ, api_base_url=URL)

    assert environ["QTWEBENGINE_DISABLE_SANDBOX"] == "1"
    with pytest.raises(ConfigError, match="does not run as root"):
        close_engine_switches({}, api_base_url=URL)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1"),
        ("http://[::1]:8000", "::1"),
        ("https://TILL.example.com", "till.example.com"),
        ("https://售票.example.com", "xn--nyry65f.example.com"),
    ],
)
def test_the_engine_finds_the_servers_host_alone(monkeypatch: pytest.MonkeyPatch, url: str, host: str) -> None:
    as_user(monkeypatch, 1000)
    environ: dict[str, str] = {}

    close_engine_switches(environ, api_base_url=url)

    assert f'EXCLUDE {host}"' in environ["QTWEBENGINE_CHROMIUM_FLAGS"]


@pytest.mark.parametrize("url", ["https://", 'https://a" --no-sandbox', "https://a , MAP"])
def test_a_host_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    as_user(monkeypatch, 1000)

    with pytest.raises(ConfigError, match="no host that can be asked"):
        close_engine_switches({}, api_base_url=url)
