"""docker/pin-digests.sh against a Docker that knows a digest for every image but one."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DIGEST = "sha256:" + "a" * 64
DOCKER = """#!/bin/sh
for image; do :; done
echo "$image" >> "$ASKED"
[ "$image" = "${UNKNOWN:-}" ] && exit 1
echo "%s"
""".replace("%s", DIGEST)


class Checkout:
    """The files that the script reads, and what it asked."""

    def __init__(self, directory: Path, env: str) -> None:
        self.directory = directory
        (directory / "docker").mkdir()
        shutil.copy(ROOT / "docker-compose.prod.yml", directory)
        shutil.copy(ROOT / "docker" / "pin-digests.sh", directory / "docker")
        self.env = directory / ".env"
        self.env.write_text(env, encoding="utf-8")
        program = directory / "bin" / "docker"
        program.parent.mkdir()
        program.write_text(DOCKER, encoding="ascii")
        program.chmod(0o755)

    def pin(self, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.directory / 'bin'}:{os.environ['PATH']}",
            "ASKED": str(self.directory / "asked"),
            **variables,
        }
        script = ["sh", str(self.directory / "docker" / "pin-digests.sh")]
        return subprocess.run(script, env=environment, capture_output=True, text=True, check=False, timeout=30)

    def values(self) -> dict[str, str]:
        lines = self.env.read_text(encoding="utf-8").splitlines()
        return {name: value for name, _equals, value in (line.partition("=") for line in lines) if value}


def images_of_the_stack() -> dict[str, str]:
    text = (ROOT / "docker-compose.prod.yml").read_text(encoding="utf-8")
    found = dict(re.findall(r"\$\{([A-Z_]+_IMAGE):-([^}]*)\}", text))
    del found["APP_IMAGE"]
    return found


def test_every_image_from_a_registry_gets_its_digest_and_nothing_else_changes(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, "PUBLIC_ORIGIN=https://tickets.example.com\nAPP_IMAGE=cinema-app:1\n")

    assert checkout.pin().returncode == 0

    wanted = {name: f"{image}@{DIGEST}" for name, image in images_of_the_stack().items()}
    ours = {"PUBLIC_ORIGIN": "https://tickets.example.com", "APP_IMAGE": "cinema-app:1"}
    assert checkout.values() == wanted | ours


def test_the_tag_of_the_environment_counts_and_a_second_run_asks_by_tags(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, "MONGO_IMAGE=mongo:8.2.1\n")

    checkout.pin()
    checkout.pin()

    assert checkout.values()["MONGO_IMAGE"] == f"mongo:8.2.1@{DIGEST}"
    asked = (tmp_path / "asked").read_text(encoding="ascii").split()
    assert asked.count("mongo:8.2.1") == 2
    assert not [image for image in asked if "@" in image]


def test_one_that_no_registry_knows_changes_nothing(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, "MONGO_IMAGE=mongo:8.2.1\n")

    assert checkout.pin(UNKNOWN="mongo:8.2.1").returncode != 0
    assert checkout.values() == {"MONGO_IMAGE": "mongo:8.2.1"}


def test_every_image_of_the_examples_is_the_one_that_the_stack_takes_by_itself() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    examples = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+_IMAGE=", line))
    assert examples == images_of_the_stack() | {"APP_IMAGE": "cinema-app:1"}


@pytest.mark.parametrize("name", sorted(images_of_the_stack()))
def test_an_image_has_one_tag_wherever_it_is_named(name: str) -> None:
    text = (ROOT / "docker-compose.prod.yml").read_text(encoding="utf-8")
    assert len(set(re.findall(rf"\$\{{{name}:-([^}}]*)\}}", text))) == 1
