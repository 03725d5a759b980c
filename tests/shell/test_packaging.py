"""How the shell gets to the tills: the bundle starts, the installer compiles, and one commit makes one release."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.validation.json import JsonStrictValidator

from shell_client.build import BUILD, SOURCE, Build, read_build
from shell_client.packaging import __main__ as command
from shell_client.packaging import manual, release
from shell_client.packaging.archive import write_sums, write_zip
from shell_client.packaging.bundle import ROOT, Size, left_out_megabytes, make_bundle, program_of, size_of
from shell_client.packaging.cut import is_needed
from shell_client.packaging.installer import SCRIPT, make_installer
from shell_client.packaging.release import CannotPackage, Release
from shell_client.packaging.sbom import SCHEMA, locked_packages, write_sbom
from shell_client.packaging.template import filled_template, template_values
from shell_client.packaging.windows import version_resource
from tests.shell.display import ensure_display
from tests.shell.till_server import TillServer

MOMENT = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)
RELEASE = Release(version="1.2.3", moment=MOMENT, commit="c0ffee", api_base_url="https://till.example.com")
LARGEST_MEGABYTES = 405
LEAST_LEFT_OUT_MEGABYTES = 30
START_SECONDS = 30
WINE = Path("/usr/lib/wine/wine64")
UNINSTALL_KEY = r"HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall\MovieTicketClient"


@pytest.fixture(scope="session")
def bundle() -> Path:
    """Return the program as PyInstaller makes it; built again only where what goes into it has changed."""
    work = ROOT / "var" / "package-test"
    sources = [*(ROOT / "shell_client").rglob("*"), ROOT / "requirements" / "package.txt"]
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(path for path in sources if path.is_file() and path.suffix != ".pyc"):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    stamp = work / "built-from"
    made = work / "bundle" / release.FILE_STEM
    if not stamp.is_file() or stamp.read_text("ascii") != digest.hexdigest():
        stamp.unlink(missing_ok=True)
        assert make_bundle(RELEASE, work=work) == made
        stamp.write_text(digest.hexdigest(), "ascii")
    return made


@pytest.fixture
def small_bundle(tmp_path: Path) -> Path:
    """Return what looks like a bundle for Windows."""
    folder = tmp_path / "small"
    (folder / "_internal").mkdir(parents=True)
    (folder / f"{release.FILE_STEM}.exe").write_bytes(b"program")
    (folder / "_internal" / "python311.dll").write_bytes(b"library")
    return folder


@contextlib.contextmanager
def running(bundle: Path, server: TillServer, data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start the bundle's program with nothing of Python or of this checkout in its environment."""
    ensure_display()
    settings = bundle / "config.json"
    settings.write_text(json.dumps({"api_base_url": server.origin}), "utf-8")
    kept = ("DISPLAY", "LANG", "PATH", "HOME", "XAUTHORITY")
    told = {name: os.environ[name] for name in kept if name in os.environ}
    told |= {"SHELL_DATA_DIR": str(data_dir), "QT_QPA_PLATFORM": "xcb"}
    if os.geteuid() == 0:
        told["QTWEBENGINE_DISABLE_SANDBOX"] = "1"  # the engine has none as root
    with (data_dir / "output.log").open("wb") as output:
        program = subprocess.Popen([program_of(bundle)], env=told, cwd="/", stdout=output, stderr=output)
        try:
            yield program
        finally:
            if program.poll() is None:
                program.kill()
            program.wait()
            settings.unlink()


def wait_for(condition: Callable[[], Any], program: subprocess.Popen[bytes]) -> Any:
    give_up = time.monotonic() + START_SECONDS
    while not (found := condition()):
        assert program.poll() is None, "the program ended"
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.05)
    return found


def xdotool(*words: str) -> str:
    return subprocess.run(["xdotool", *words], capture_output=True, text=True, check=False).stdout


def window_of(program: subprocess.Popen[bytes]) -> str:
    return xdotool("search", "--onlyvisible", "--pid", str(program.pid)).partition("\n")[0]


def test_the_bundle_starts_and_a_person_logs_in(bundle: Path, server: TillServer, data_dir: Path) -> None:
    with running(bundle, server, data_dir) as program:
        window = wait_for(lambda: window_of(program), program)
        wait_for(lambda: server.called("/api/v2/client/latest"), program)
        place = dict(line.split("=") for line in xdotool("getwindowgeometry", "--shell", window).splitlines())
        left, top = int(place["X"]) + int(place["WIDTH"]) * 2 // 3, int(place["Y"])
        field, button = (str(left), str(top + 90)), (str(left), str(top + int(place["HEIGHT"]) - 50))
        # One call for all: the X server forgets a keyboard that comes and goes.
        keys = ["click", "1", "key", "--delay", "20", *"13800000002"]
        xdotool("windowfocus", window, "mousemove", *field, *keys, "mousemove", *button, "click", "1")
        wait_for(lambda: server.called("/api/v2/login"), program)
        wait_for(lambda: server.called("/till/"), program)
        program.terminate()
        assert program.wait(10) == 0

    (login, *_) = server.called("/api/v2/login")
    assert login["body"]["phone"] == "13800000002"
    assert login["body"]["device"]["clientVersion"] == "1.2.3"
    assert len(server.called("/api/v2/logout")) == 1


def test_the_bundle_is_cut_to_what_is_used(bundle: Path) -> None:
    assert size_of(bundle).megabytes < LARGEST_MEGABYTES
    assert left_out_megabytes(bundle.parents[1]) > LEAST_LEFT_OUT_MEGABYTES
    names = [path.relative_to(bundle).as_posix() for path in bundle.rglob("*")]
    languages = {Path(name).name for name in names if "/qtwebengine_locales/" in name}
    assert languages == {"zh-CN.pak", "en-US.pak"}
    assert [name for name in names if "printsupport/" in name], "tickets are printed through it"
    assert [name for name in names if re.search(r"/qml/|devtools|shell_client/packaging|pytest|django", name)] == []


def test_the_bundle_knows_its_release(bundle: Path) -> None:
    assert read_build(bundle / "_internal" / "shell_client") == RELEASE.build
    assert RELEASE.build == Build("1.2.3", "2026-11-24T10:30:00Z", "c0ffee", "https://till.example.com")


def test_the_list_of_what_is_inside_is_valid_and_whole(bundle: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_sbom(RELEASE, bundle, tmp_path / name)

    text = (tmp_path / "one").read_text("utf-8")
    assert JsonStrictValidator(SCHEMA).validate_str(text) is None
    assert text == (tmp_path / "two").read_text("utf-8")
    listed = {part["name"].lower() for part in json.loads(text)["components"]}
    assert {"pyqt5", "pyqtwebengine-qt5", "cryptography", "requests", "cpython", "chromium"} <= listed
    libraries = {path.name.lower() for path in (bundle / "_internal").glob("lib*") if not path.is_symlink()}
    assert {name for name in libraries if ".so" in name} <= listed
    packages = [part for part in json.loads(text)["components"] if part.get("purl")]
    assert [part["name"] for part in packages if not part["hashes"] or not part.get("licenses")] == []


def test_the_list_names_the_packages_of_this_system_alone(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    here, there = ("win32", "linux") if sys.platform == "win32" else ("linux", "win32")
    sums = f"--hash=sha256:{'a' * 64}"
    lock.write_text(
        f"one==1.0 ; sys_platform == '{here}' \\\n    {sums}\ntwo==2.0 ; sys_platform == '{there}' \\\n    {sums}\n"
    )

    assert [(part.name, part.version) for part in locked_packages(lock)] == [("one", "1.0")]


@pytest.mark.parametrize(
    ("place", "needed"),
    [
        ("PyQt5/Qt5/qml/QtQuick/plugin.dll", False),
        ("PyQt5\\Qt5\\translations\\qtwebengine_locales\\zh-CN.pak", True),
        ("PyQt5\\Qt5\\translations\\qtwebengine_locales\\de.pak", False),
        ("PyQt5/Qt5/translations/qt_zh_CN.qm", False),
        ("PyQt5/Qt5/resources/qtwebengine_resources.pak", True),
        ("PyQt5/Qt5/resources/qtwebengine_devtools_resources.pak", False),
        ("PyQt5\\Qt5\\plugins\\platforms\\qwindows.dll", True),
        ("PyQt5\\Qt5\\plugins\\platforms\\qminimal.dll", False),
        ("PyQt5\\Qt5\\plugins\\printsupport\\windowsprintersupport.dll", True),
        ("PyQt5/Qt5/plugins/sqldrivers/qsqlite.dll", False),
        ("PyQt5\\Qt5\\bin\\Qt5WebEngineCore.dll", True),
        ("PyQt5\\Qt5\\bin\\Qt5Quick.dll", True),
        ("PyQt5\\Qt5\\bin\\Qt5XmlPatterns.dll", False),
        ("PyQt5\\Qt5\\bin\\QtWebEngineProcess.exe", True),
        ("libQt5Quick3DUtils.so.5", False),
    ],
)
def test_what_is_left_out(place: str, needed: bool) -> None:
    assert is_needed(place) is needed


@pytest.mark.parametrize(
    "version", ["", "1", "1.2", "v1.2.3", "1.2.3.4", "1.02.3", "1.2.70000", "1.2.3-rc1", "1.2.3\n", "１.2.3"]
)
def test_a_wrong_version_is_refused(version: str) -> None:
    with pytest.raises(CannotPackage, match="three numbers"):
        Release.of(ROOT, version=version, api_base_url="https://a.example", environ={})


def test_the_time_is_the_one_that_is_told() -> None:
    told = {"SOURCE_DATE_EPOCH": "1795516200"}
    assert Release.of(ROOT, version="1.2.3", api_base_url="https://a.example", environ=told).moment == MOMENT
    for wrong in ("soon", "1e9", "9" * 30, "١٢"):
        with pytest.raises(CannotPackage, match="SOURCE_DATE_EPOCH"):
            Release.of(ROOT, version="1.2.3", api_base_url="https://a.example", environ={"SOURCE_DATE_EPOCH": wrong})


def test_the_commit_says_whether_the_source_was_changed_since(tmp_path: Path) -> None:
    assert release.commit_of(tmp_path) is None
    (tmp_path / "docs").mkdir()
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
    commit = release.commit_of(tmp_path)
    assert re.fullmatch("[0-9a-f]{40}", str(commit))

    (tmp_path / "docs" / "page.md").write_text("new")

    assert release.commit_of(tmp_path) == f"{commit}-dirty"


def test_the_shell_from_its_source_has_no_release() -> None:
    assert BUILD == SOURCE


def test_the_settings_have_the_agreed_keys_and_the_program_takes_them() -> None:
    assert list(template_values()) == ["api_base_url", "app_name", "version", "auto_update", "log_level"]
    assert json.loads(filled_template(RELEASE)) == {
        "api_base_url": "https://till.example.com",
        "app_name": "电影票务管理系统",
        "version": "1.2.3",
        "auto_update": True,
        "log_level": "INFO",
    }


def test_an_address_that_the_program_would_refuse_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "dist"
    arguments = ["--version", "1.2.3", "--api-base-url", "http://till.example.com", "--output", str(output)]

    assert command.main(arguments) == 1

    assert re.fullmatch(r'package: "api_base_url" must begin with https://.*\n', capsys.readouterr().err)
    assert not output.exists()


def test_windows_is_told_the_version_in_numbers() -> None:
    resource = version_resource(RELEASE)

    compile(resource, "version.txt", "eval")
    assert "filevers=(1, 2, 3, 0)" in resource
    assert "StringStruct('ProductName', '电影票务管理系统')" in resource
    assert "2026-11-24T10:30:00Z c0ffee" in resource


def test_the_installer_compiles_without_a_warning_and_always_to_the_same(small_bundle: Path, tmp_path: Path) -> None:
    settings = tmp_path / "config_template.json"
    settings.write_text(filled_template(RELEASE), "utf-8")
    one, two = tmp_path / "one.exe", tmp_path / "two.exe"

    make_installer(RELEASE, small_bundle, config=settings, target=one)  # a warning counts as an error
    for path in small_bundle.rglob("*"):
        os.utime(path, (1, 1))
    make_installer(RELEASE, small_bundle, config=settings, target=two)

    assert one.read_bytes()[:2] == b"MZ"
    assert one.read_bytes() == two.read_bytes()
    assert "1.2.3".encode("utf-16-le") in one.read_bytes()
    assert "电影票务管理系统".encode("utf-16-le") in one.read_bytes()


def test_a_warning_of_the_compiler_stops_the_release(
    small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    careless = tmp_path / "careless.nsi"
    careless.write_text(SCRIPT.read_text("utf-8") + "\nFunction neverCalled\nFunctionEnd\n", "utf-8")
    monkeypatch.setattr("shell_client.packaging.installer.SCRIPT", careless)
    target = tmp_path / "setup.exe"

    with pytest.raises(CannotPackage, match="neverCalled"):
        make_installer(RELEASE, small_bundle, config=careless, target=target)

    assert not target.exists()


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Return what runs a program of Windows (Wine's) and answers what it says; its C: is `tmp_path/wine/drive_c`."""
    told = {
        **os.environ,
        "WINEPREFIX": str(tmp_path / "wine"),
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree,mshtml,winemenubuilder.exe=",  # no questions, no menus of this desktop
        "LC_ALL": "C.UTF-8",
    }
    told.pop("DISPLAY", None)

    def run(*words: str, code: int = 0) -> str:
        done = subprocess.run([WINE, *words], env=told, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, (words, done)
        return done.stdout

    run("wineboot", "--init")
    yield run
    subprocess.run([WINE.with_name("wineserver64"), "--kill", "--wait"], env=told, check=False)


def installer_for_wine(version: str, bundle: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Compile the script for the 64-bit loader: Debian's Wine of one architecture starts no 32-bit installer."""
    script = folder / "amd64.nsi"
    script.write_text(f"Target amd64-unicode\n{SCRIPT.read_text('utf-8')}", "utf-8")
    monkeypatch.setattr("shell_client.packaging.installer.SCRIPT", script)
    settings, target = folder / f"config-{version}.json", folder / f"setup-{version}.exe"
    made = dataclasses.replace(RELEASE, version=version)
    settings.write_text(filled_template(made), "utf-8")
    make_installer(made, bundle, config=settings, target=target)
    return str(target)


def test_the_installer_installs_upgrades_and_removes_without_a_window(
    windows: Callable[..., str], small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = small_bundle / "_internal" / "only in the old version"
    old.write_text("old")
    first = installer_for_wine("1.2.3", small_bundle, tmp_path, monkeypatch)
    old.unlink()
    second = installer_for_wine("1.3.0", small_bundle, tmp_path, monkeypatch)
    drive = tmp_path / "wine" / "drive_c"
    folder = drive / "Program Files" / "MovieTicketClient"
    start_menu = drive / "ProgramData" / "Microsoft" / "Windows" / "Start Menu" / "Programs" / "电影票务管理系统"
    shortcuts = [
        drive / "users" / "Public" / "Desktop" / "电影票务管理系统.lnk",
        start_menu / "电影票务管理系统.lnk",
        start_menu / "卸载.lnk",
    ]

    windows(first, "/S")
    assert (folder / "MovieTicketClient.exe").read_bytes() == b"program"
    assert json.loads((folder / "config.json").read_text("utf-8"))["api_base_url"] == "https://till.example.com"
    assert [str(shortcut) for shortcut in shortcuts if not shortcut.is_file()] == []
    assert re.search(r"DisplayVersion +REG_SZ +1\.2\.3\s", windows("reg", "query", UNINSTALL_KEY))

    (folder / "config.json").write_text("{}")
    (folder / "somebody's.txt").write_text("mine")
    windows(second, "/S")
    assert (folder / "config.json").read_text() == "{}"
    kept = {path.name for path in folder.rglob("*") if path.is_file()}
    assert kept == {"MovieTicketClient.exe", "python311.dll", "config.json", "uninstall.exe", "somebody's.txt"}
    entry = windows("reg", "query", UNINSTALL_KEY)
    assert re.search(r"DisplayVersion +REG_SZ +1\.3\.0\s", entry)
    assert re.search(r'QuietUninstallString +REG_SZ +"C:\\Program Files\\MovieTicketClient\\uninstall\.exe" /S', entry)

    windows(str(folder / "uninstall.exe"), "/S")  # goes on in a copy of itself
    give_up = time.monotonic() + START_SECONDS
    while [path.name for path in folder.iterdir()] != ["somebody's.txt"] or start_menu.exists():
        assert time.monotonic() < give_up, [path.name for path in folder.iterdir()]
        time.sleep(0.05)
    assert [str(shortcut) for shortcut in shortcuts if shortcut.exists()] == []
    while is_listed(windows):
        assert time.monotonic() < give_up, "the list of programs still has it"


def is_listed(windows: Callable[..., str]) -> bool:
    """Tell whether the list of programs still has ours."""
    everything = windows("reg", "query", UNINSTALL_KEY.rpartition("\\")[0])
    return "MovieTicketClient" in everything


def test_archives_of_the_same_files_are_the_same_bytes(tmp_path: Path) -> None:
    archives = []
    for name, names in (("a", ["一.txt", "b", "c"]), ("b", ["c", "b", "一.txt"])):
        folder = tmp_path / name / "release"
        folder.mkdir(parents=True)
        for place, file in enumerate(names):
            (folder / file).write_text(f"content of {file}", "utf-8")
            os.utime(folder / file, (place, place))
        (folder / "link").symlink_to("b")
        (folder / "c").chmod(0o755)
        archives.append(tmp_path / f"{name}.zip")
        write_zip(folder, archives[-1], moment=MOMENT)

    assert archives[0].read_bytes() == archives[1].read_bytes()
    with zipfile.ZipFile(archives[0]) as archive:
        assert archive.namelist() == ["release/b", "release/c", "release/link", "release/一.txt"]
        assert archive.getinfo("release/b").date_time == (2026, 11, 24, 10, 30, 0)


def test_the_sums_are_read_by_the_usual_tool(tmp_path: Path) -> None:
    files = [tmp_path / "b.zip", tmp_path / "a.json"]
    for file in files:
        file.write_text(file.name)
    write_sums(files, tmp_path / "sums.sha256")

    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "sums.sha256"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert checked.stdout.splitlines() == ["a.json: OK", "b.zip: OK"]


def test_the_manual_shows_its_pictures_and_leads_nowhere_else(tmp_path: Path) -> None:
    pages = manual.write_manual(RELEASE, tmp_path)

    assert [page.name for page in pages] == ["用户手册.html", "manual.html"]
    for page in pages:
        text = page.read_text("utf-8")
        assert "1.2.3" in text
        assert "<table>" in text
        pictures = re.findall(r'<img src="([^"]+)"', text)
        assert len(pictures) >= 4
        assert [picture for picture in pictures if not (tmp_path / picture).is_file()] == []
        targets = re.findall(r'<a href="([^"]+)"', text)
        assert targets, "the one guide names the other"
        assert [target for target in targets if f'id="{target.removeprefix("#")}"' not in text] == []
        assert ".md" not in text
        assert text.count("<a ") == text.count("</a>")


def test_a_release_holds_program_manual_settings_list_and_sums(
    small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "make_bundle", lambda _release, *, work: small_bundle)  # noqa: ARG005
    output = tmp_path / "dist"
    output.mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "left-out.txt").write_text("7000000\n")
    (output / "of an older release").write_text("old")

    command.package(RELEASE, work=tmp_path / "work", target=output)

    name = "MovieTicketClient_v1.2.3"
    assert {path.name for path in output.iterdir()} == {
        f"{name}.zip",
        f"{name}.cdx.json",
        f"{name}_Setup.exe",
        f"{name}.sha256",
    }
    with zipfile.ZipFile(output / f"{name}.zip") as archive:
        held = set(archive.namelist())
        assert json.loads(archive.read(f"{name}/config_template.json"))["version"] == "1.2.3"
    wanted = ("程序文件/MovieTicketClient.exe", "程序文件/_internal/python311.dll", "用户手册.html", "manual.html")
    assert {f"{name}/{part}" for part in wanted} <= held
    assert f"{name}/pictures/sell.png" in held
    said = capsys.readouterr().out
    assert f"{size_of(small_bundle).megabytes} MB, 2 files; at least 7 MB were left out" in said
    assert size_of(small_bundle) == Size(megabytes=0, files=2)
