"""Check the Dockerfiles of docker/ by those rules of hadolint that matter here: hadolint itself is on no package index.

Each rule has hadolint's own number, which its documentation explains: `docker/Dockerfile:12: DL3020 ...`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from backend.devtools.servers import ROOT

PINNED = re.compile(r":v?\d+\.\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?$")
PLACE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


@dataclass(frozen=True)
class Instruction:
    """One instruction, its continued lines joined: `COPY`, and what follows it."""

    line: int
    name: str
    rest: str


def instructions(text: str) -> Iterator[Instruction]:
    """Yield the instructions of a Dockerfile."""
    joined, began = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        began = began or number
        joined += line.removesuffix("\\").strip() + " "
        if not line.endswith("\\"):
            name, _space, rest = joined.strip().partition(" ")
            yield Instruction(began, name.upper(), rest.strip())
            joined, began = "", 0


def problems(text: str) -> list[str]:
    """Return what is wrong with a Dockerfile, a line each."""
    checker = Checker()
    for instruction in instructions(text):
        checker.check(instruction)
    return checker.finish()


class Checker:
    """Goes through a Dockerfile and remembers what earlier instructions have said."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.arguments: dict[str, str] = {}
        self.stages: list[str] = []
        self.user: tuple[int, str] = (0, "root")
        self.directory = ""
        self.environment = ""

    def say(self, at: Instruction, number: str, what: str) -> None:
        """Note a problem."""
        self.found.append(f"{at.line}: {number} {what}")

    def check(self, at: Instruction) -> None:
        """Look at one instruction."""
        rule = getattr(self, f"check_{at.name.lower()}", None)
        if at.name in {"ADD", "MAINTAINER"}:
            self.say(at, "DL3020" if at.name == "ADD" else "DL4000", f"{at.name} is not used: COPY, LABEL")
        elif rule is not None:
            rule(at)

    def check_arg(self, at: Instruction) -> None:
        """Remember a default; a secret is none."""
        name, _equals, value = at.rest.partition("=")
        self.arguments[name] = value
        self._no_secret(at, name)

    def check_env(self, at: Instruction) -> None:
        """Refuse secrets."""
        self.environment += f" {at.rest}"
        for name in re.findall(r"(\w+)=", at.rest):
            self._no_secret(at, name)

    def _no_secret(self, at: Instruction, name: str) -> None:
        if re.search(r"SECRET|PASSWORD|TOKEN|KEY", name):
            self.say(at, "secret", f"{name} would stay in the image")

    def check_from(self, at: Instruction) -> None:
        """Want an exact version, and stages of different names."""
        image, *named = re.split(r"\s+AS\s+", at.rest, maxsplit=1, flags=re.IGNORECASE)
        stage = named[0] if named else ""
        image = PLACE.sub(lambda place: self.arguments.get(place[1] or place[2], ""), image)
        if image not in self.stages and not PINNED.search(image):
            self.say(at, "DL3006", f"{image or 'the image'} is not named by an exact version")
        if stage and stage in self.stages:
            self.say(at, "DL3024", f"there is a stage {stage} already")
        self.stages.append(stage)
        self.user, self.directory, self.environment = (at.line, "root"), "", ""

    def check_user(self, at: Instruction) -> None:
        """Remember who runs what follows."""
        self.user = (at.line, at.rest)

    def check_workdir(self, at: Instruction) -> None:
        """Want a whole path."""
        self.directory = at.rest
        if not at.rest.startswith("/"):
            self.say(at, "DL3000", "WORKDIR wants a path from the root")

    def check_copy(self, at: Instruction) -> None:
        """Want a stage that is there, and a place that does not depend on the base image."""
        words = [word for word in at.rest.split() if not word.startswith("--")]
        if (stage := re.search(r"--from=(\S+)", at.rest)) and stage[1] not in self.stages[:-1]:
            self.say(at, "DL3022", f"no stage before this one is called {stage[1]}")
        if len(words) > 2 and not words[-1].endswith("/"):
            self.say(at, "DL3021", "several files want a folder, with a slash at its end")
        if not words[-1].startswith("/") and not self.directory:
            self.say(at, "DL3045", "a place like this wants a WORKDIR before it")

    def check_cmd(self, at: Instruction) -> None:
        """Want the form without a shell, which passes signals on."""
        try:
            json.loads(at.rest)
        except ValueError:
            self.say(at, "DL3025", f'{at.name} wants the form ["program", "argument"]')

    check_entrypoint = check_cmd

    def check_run(self, at: Instruction) -> None:
        """Look for what costs space, hides an error or needs root."""
        if re.search(r"(^|[;&|]\s*)cd ", at.rest):
            self.say(at, "DL3003", "WORKDIR instead of cd")
        if re.search(r"\bsudo\b", at.rest):
            self.say(at, "DL3004", "no sudo")
        self._installs_cleanly(at)
        if re.search(r"(?<!\|)\|(?!\|)", at.rest) and "pipefail" not in at.rest:
            self.say(at, "DL4006", "an error before the | is lost")
        said = subprocess.run(["sh", "-n", "-c", at.rest], capture_output=True, text=True, check=False)
        if said.returncode:
            self.say(at, "SC1000", said.stderr.strip())

    def _installs_cleanly(self, at: Instruction) -> None:
        if re.search(r"\bapt-get install\b", at.rest):
            if "--no-install-recommends" not in at.rest:
                self.say(at, "DL3015", "apt-get install --no-install-recommends")
            if "rm -rf /var/lib/apt/lists" not in at.rest:
                self.say(at, "DL3009", "the lists of apt stay in the image")
        if "pip install" in at.rest:
            if "--no-cache-dir" not in at.rest and "PIP_NO_CACHE_DIR=1" not in self.environment:
                self.say(at, "DL3042", "pip's cache stays in the image")
            if "--require-hashes" not in at.rest:
                self.say(at, "DL3013", "what pip installs is not locked")

    def finish(self) -> list[str]:
        """Return all problems, with that of the user who stays."""
        line, user = self.user
        if user.split(":")[0] in {"root", "0"}:
            self.found.append(f"{line}: DL3002 the last stage runs as root")
        return self.found


def main() -> int:
    """Check every Dockerfile; 1 where one has a problem."""
    files = sorted((ROOT / "docker").rglob("Dockerfile*"))
    found = [
        f"{file.relative_to(ROOT)}:{problem}"
        for file in files
        for problem in problems(file.read_text(encoding="utf-8"))
    ]
    print("\n".join(found) or f"{len(files)} Dockerfiles are clean.")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
