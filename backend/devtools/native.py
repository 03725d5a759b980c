"""`make mongo-native`: build the native development MongoDB into var/bin, once."""

import shutil
import subprocess
import sys
import tempfile

from backend.devtools.children import CannotStart, writable_directory
from backend.devtools.servers import NATIVE_SERVER

CRATE = "secantus-mdb"
VERSION = "0.5.3-beta.196"
NEEDED = {
    "cargo": "Rust, from https://rustup.rs",
    "cmake": "Debian: apt-get install cmake",
    "c++": "a C++ compiler, Debian: apt-get install build-essential",
}


def main() -> int:
    """Build the server, unless the right version is there."""
    try:
        build()
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def build() -> None:
    """Make sure that the pinned version is in var/bin; raises CannotStart saying what is missing."""
    if installed_version() == VERSION:
        print(f"secantusd-rs {VERSION} is in {NATIVE_SERVER.parent} already.")
        return
    if missing := [f"{name} ({hint})" for name, hint in NEEDED.items() if not shutil.which(name)]:
        raise CannotStart(f"Building it needs what this machine lacks: {'; '.join(missing)}.")
    writable_directory(NATIVE_SERVER.parent)
    print("Building the native MongoDB, about 6 minutes ...", flush=True)
    with tempfile.TemporaryDirectory(prefix="mongo-native-") as root:
        # Its manifest asks for a newer compiler than it needs.
        command = ["cargo", "install", CRATE, "--version", VERSION, "--ignore-rust-version", "--root", root]
        if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode:
            raise CannotStart("cargo could not build it: its own words are above.")
        shutil.copy2(f"{root}/bin/{NATIVE_SERVER.name}", NATIVE_SERVER)
    print(f"Ready: MONGO_SERVER=native make run (or make test). {NATIVE_SERVER}")


def installed_version() -> str:
    """Return the version in var/bin, or an empty text."""
    try:
        said = subprocess.run([NATIVE_SERVER, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
    return " ".join(said.split()[1:2])  # "secantusd-rs 0.5.3-beta.196", then where it came from


if __name__ == "__main__":
    sys.exit(main())
