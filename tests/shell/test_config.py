"""Settings: where they come from, and that a wrong one is named in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shell_client.config import ConfigError, load_config


def config_in(folder: Path, **values: object) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(values), "utf-8")


def environ(data_dir: Path, **more: str) -> dict[str, str]:
    return {"SHELL_DATA_DIR": str(data_dir), **more}


def test_without_any_setting_the_server_is_this_machine(tmp_path: Path) -> None:
    config = load_config(environ={"HOME": str(tmp_path)}, program_dir=tmp_path)

    assert (config.api_base_url, config.heartbeat_seconds) == ("http://127.0.0.1:8000", 60)
    assert not config.own_data_dir


def test_the_users_file_wins_over_the_programs_and_the_environment_over_both(tmp_path: Path) -> None:
    config_in(tmp_path / "program", api_base_url="https://one.example", app_name="星河影城", language="en")
    config_in(tmp_path / "data", api_base_url="https://two.example", language="zh-hans")

    files = load_config(environ=environ(tmp_path / "data"), program_dir=tmp_path / "program")
    told = load_config(
        environ=environ(tmp_path / "data", SHELL_API_BASE_URL="https://three.example/"),
        program_dir=tmp_path / "program",
    )

    assert (files.api_base_url, files.app_name, files.language) == (
        "https://two.example",
        "星河影城",
        "zh-hans",
    )
    assert told.api_base_url == "https://three.example"


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"api_bas_url": "https://a.example"}, 'unknown key "api_bas_url" (did you mean "api_base_url"?)'),
        ({"colour": "red"}, 'unknown key "colour" (known keys: api_base_url'),
        ({"api_base_url": "http://till.example"}, '"api_base_url" must begin with https://'),
        ({"api_base_url": "https://till.example/x"}, '"api_base_url" must be an address without path'),
        ({"api_base_url": "https://me:pw@till.example"}, '"api_base_url" must be an address such as'),
        ({"api_base_url": "ftp://till.example"}, '"api_base_url" must be an address such as'),
        ({"api_base_url": 8000}, '"api_base_url" must be an address such as'),
        ({"language": "fr"}, '"language" must be one of zh-hans, en'),
        ({"log_level": "LOUD"}, '"log_level" must be one of DEBUG'),
        ({"heartbeat_seconds": 600}, '"heartbeat_seconds" must be a number of seconds from 1 to 120'),
        ({"heartbeat_seconds": True}, '"heartbeat_seconds" must be a number of seconds from 1 to 120'),
        ({"printer": " "}, '"printer" must be the name of a printer, 1 to 220 characters'),
        ({"printer": 1}, '"printer" must be the name of a printer, 1 to 220 characters'),
        ({"app_name": ""}, '"app_name" must be a name of 1 to 40 characters'),
        ({"auto_update": "yes"}, '"auto_update" must be true or false'),
        ({"version": 1.0}, '"version" must be a version such as 1.0.0'),
        ({"version": "1.0.0 <b>"}, '"version" must be a version such as 1.0.0'),
    ],
)
def test_a_wrong_setting_is_named_with_its_file_in_one_line(
    tmp_path: Path, values: dict[str, object], line: str
) -> None:
    config_in(tmp_path, **values)

    with pytest.raises(ConfigError) as caught:
        load_config(environ=environ(tmp_path), program_dir=tmp_path / "nothing")

    assert line in str(caught.value)
    assert str(tmp_path / "config.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_key_of_a_new_clients_file_is_known(tmp_path: Path) -> None:
    config_in(
        tmp_path,
        api_base_url="https://till.example",
        app_name="星河影城",
        version="1.2.0",
        auto_update=False,
        log_level="INFO",
    )

    config = load_config(environ=environ(tmp_path / "data"), program_dir=tmp_path, installed=True)

    assert (config.version, config.auto_update, config.api_base_url) == ("1.2.0", False, "https://till.example")


def test_the_environment_sets_every_key_by_its_variable(tmp_path: Path) -> None:
    told = environ(
        tmp_path,
        SHELL_APP_NAME="星河影城",
        SHELL_AUTO_UPDATE="false",
        SHELL_HEARTBEAT_SECONDS="30",
        SHELL_LANGUAGE="en",
        SHELL_LOG_LEVEL="debug",
        SHELL_PRINTER="小票机",
    )

    config = load_config(environ=told, program_dir=tmp_path / "nothing")

    assert (config.app_name, config.auto_update, config.heartbeat_seconds) == ("星河影城", False, 30)
    assert (config.language, config.log_level, config.printer) == ("en", "DEBUG", "小票机")


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("SHELL_AUTO_UPDATE", "perhaps", 'SHELL_AUTO_UPDATE: "auto_update" must be true or false'),
        ("SHELL_HEARTBEAT_SECONDS", "soon", 'SHELL_HEARTBEAT_SECONDS: "heartbeat_seconds" must be a number'),
        ("SHELL_API_BASE_URL", "http://till.example", 'SHELL_API_BASE_URL: "api_base_url" must begin with https://'),
        ("SHELL_API_BASEURL", "x", "SHELL_API_BASEURL: unknown variable (did you mean SHELL_API_BASE_URL?)"),
        ("SHELL_DATA_DIRS", "x", "SHELL_DATA_DIRS: unknown variable (did you mean SHELL_DATA_DIR?)"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, name: str, value: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(environ=environ(tmp_path, **{name: value}), program_dir=tmp_path / "nothing")

    assert line in str(caught.value)


def test_variables_of_other_programs_stand_in_no_ones_way(tmp_path: Path) -> None:
    load_config(environ=environ(tmp_path, SHELL_SESSION_ID="1", SHELL="/bin/sh"), program_dir=tmp_path / "nothing")


@pytest.mark.parametrize("key", ["api_base_url", "auto_update"])
@pytest.mark.parametrize("source", ["file", "environment"])
def test_an_installed_client_takes_server_and_updates_from_the_machines_file_alone(
    tmp_path: Path, key: str, source: str
) -> None:
    config_in(tmp_path / "program", api_base_url="https://one.example")
    value = {"api_base_url": "https://two.example", "auto_update": False}[key]
    variable = {"api_base_url": "https://two.example", "auto_update": "false"}[key]
    told = environ(tmp_path / "data")
    if source == "file":
        config_in(tmp_path / "data", **{key: value})
    else:
        told[f"SHELL_{key.upper()}"] = variable

    with pytest.raises(ConfigError, match=f'"{key}" is read from .*program.*config.json alone in an installed client'):
        load_config(environ=told, program_dir=tmp_path / "program", installed=True)

    assert getattr(load_config(environ=told, program_dir=tmp_path / "program"), key) == value


def test_an_installed_client_has_no_server_that_nobody_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='"api_base_url" is missing'):
        load_config(environ=environ(tmp_path), program_dir=tmp_path / "program", installed=True)


def test_an_installed_clients_user_may_choose_language_and_printer(tmp_path: Path) -> None:
    config_in(tmp_path / "program", api_base_url="https://one.example", language="zh-hans")
    config_in(tmp_path / "data", language="en", printer="小票机")

    config = load_config(environ=environ(tmp_path / "data"), program_dir=tmp_path / "program", installed=True)

    assert (config.api_base_url, config.language, config.printer) == ("https://one.example", "en", "小票机")


@pytest.mark.parametrize("text", ["{", "[]", '{"language": }'])
def test_a_file_that_is_no_object_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text, "utf-8")

    with pytest.raises(ConfigError, match=r"config\.json: (not JSON|must be one JSON object)"):
        load_config(environ=environ(tmp_path), program_dir=tmp_path / "nothing")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9:8000", "[::1]:8000"])
def test_this_machine_itself_may_use_http(tmp_path: Path, host: str) -> None:
    config = load_config(
        environ=environ(tmp_path, SHELL_API_BASE_URL=f"http://{host}"), program_dir=tmp_path / "nothing"
    )

    assert config.api_base_url == f"http://{host}"
