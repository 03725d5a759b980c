"""A Docker that pretends: it keeps its containers in the file `DOCKER_STATE`, and fails and sickens as that says."""

import json
import os
import sys
from pathlib import Path
from typing import Any

FILE = Path(os.environ["DOCKER_STATE"])
RELEASE = os.environ.get("APP_IMAGE")
SETTINGS = dict(line.split("=", 1) for line in Path(".env").read_text("utf-8").splitlines())  # compose reads it too


class Fails(Exception):
    """The command ends with status 1 and this line."""


def main(words: list[str]) -> int:
    """Do as `docker WORDS` does."""
    state = json.loads(FILE.read_text("utf-8"))
    state["calls"].append(" ".join(words) + (f" [{RELEASE}]" if RELEASE else ""))
    try:
        said = compose(state, words[1], words[2:]) if words[0] == "compose" else docker(state, words)
    except Fails as failure:
        print(failure, file=sys.stderr)
        return 1
    finally:
        FILE.write_text(json.dumps(state), "utf-8")
    print(said)
    return 0


def compose(state: dict[str, Any], verb: str, rest: list[str]) -> str:
    """Do as `docker compose VERB REST` does."""
    files = os.environ.get("COMPOSE_FILE") or SETTINGS.get("COMPOSE_FILE")
    if not files:
        raise Fails("no configuration file provided: not found")
    state["files"] = files
    image = RELEASE or SETTINGS.get("APP_IMAGE") or "cinema-app:1"
    if verb == "config":
        services: dict[str, Any] = {name: {"image": image} for name in ("till", "office", "sweeper")}
        services["till"]["deploy"] = {"replicas": 2}
        return json.dumps({"services": services | {name: {} for name in state["more"]}})
    if verb == "ps":
        return "\n".join(name for name, its in state["containers"].items() if its["service"] == rest[-1])
    if verb == "up" and "--scale" in rest:
        state["made"] += 1
        state["containers"][f"c{state['made']:011}"] = {"service": rest[-1], "image": image}
    if verb == "up" and "--wait" in rest:
        for container in state["containers"].values():
            container["image"] = image if container["service"] == rest[-1] else container["image"]
        if image in state["sick"]:
            raise Fails("container cinema-till-1 is unhealthy")
    if verb == "run" and rest[2] in state["failing"]:
        raise Fails("no space left")
    return ""


def docker(state: dict[str, Any], words: list[str]) -> str:
    """Do as `docker WORDS` does to containers and images."""
    containers = state["containers"]
    if words[0] == "inspect" and "Image" in words[2]:
        return "\n".join(f"{name} {name} {containers[name]['image']}" for name in words[3:])
    if words[0] == "inspect":
        return "unhealthy" if containers[words[3]]["image"] in state["sick"] else "healthy"
    if words[0] == "rm":
        del containers[words[1]]
    if words[:2] == ["image", "inspect"] and words[-1] not in state["images"]:
        raise Fails(f"No such image: {words[-1]}")
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
