"""What is inside a bundle, as a CycloneDX list (SBOM): packages with licences and sums, Python, engine, libraries."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import uuid
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.requirements import Requirement

from shell_client.packaging.archive import sha256
from shell_client.packaging.release import FILE_STEM, Release

LOCK = Path(__file__).resolve().parents[2] / "requirements" / "shell.txt"
SCHEMA = SchemaVersion.V1_6

_CHROMIUM = {"5.15.2": "83.0.4103.122"}
_CHROMIUM_OF_LATER = "87.0.4280.144"
"""https://wiki.qt.io/QtWebEngine/ChromiumVersions"""


def write_sbom(release: Release, bundle: Path, target: Path) -> None:
    """Write the list of what `bundle` holds into `target`, as JSON."""
    program = Component(
        name=FILE_STEM,
        type=ComponentType.APPLICATION,
        version=release.version,
        bom_ref=FILE_STEM,
        properties=[Property(name="commit", value=release.commit)] if release.commit else [],
    )
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"{release.name}/{release.commit}/{platform.system()}"),
        metadata=BomMetaData(component=program, timestamp=release.moment),
        components=[*locked_packages(LOCK), *_runtime(), *_libraries(bundle)],
    )
    bom.register_dependency(program, bom.components)
    text = make_outputter(bom, OutputFormat.JSON, SCHEMA).output_as_string(indent=2)
    target.write_text(text + "\n", "utf-8", newline="\n")


def locked_packages(lock: Path) -> list[Component]:
    """Return the packages that the lock names for this system, each with the sums of the files it allows."""
    entries = lock.read_text("utf-8").replace("\\\n", " ").splitlines()
    found = []
    for entry in entries:
        line = entry.partition(" #")[0].strip()
        if not line or line.startswith(("#", "-")):
            continue
        wanted = Requirement(line.partition(" --hash")[0].strip())
        if wanted.marker is None or wanted.marker.evaluate():
            version = str(wanted.specifier).removeprefix("==")
            found.append(_package(wanted.name, version, re.findall(r"--hash=sha256:([0-9a-f]{64})", line)))
    return found


def _package(name: str, version: str, sums: list[str]) -> Component:
    licence = _licence(name)
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=f"pypi:{name}@{version}",
        purl=PackageURL("pypi", None, name.lower(), version),
        licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
        # one wheel of these is inside; which one depends on the system and the Python
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in sums],
    )


def _licence(name: str) -> str | None:
    """Return what a package says of its licence, shortest form first; None where it is not installed here."""
    try:
        said = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    for field in ("License-Expression", "License"):
        if field in said and "\n" not in said[field]:
            return said[field]
    classified = [line for line in said.get_all("Classifier", []) if line.startswith("License ::")]
    return " OR ".join(line.rpartition(" :: ")[2] for line in classified) or None


def _runtime() -> list[Component]:
    engine = importlib.metadata.version("PyQtWebEngine-Qt5")
    python = platform.python_version()
    chromium = _CHROMIUM.get(engine, _CHROMIUM_OF_LATER)
    builder = importlib.metadata.version("pyinstaller")
    return [
        Component(name="CPython", version=python, type=ComponentType.PLATFORM, bom_ref=f"cpython@{python}"),
        Component(name="Chromium", version=chromium, type=ComponentType.FRAMEWORK, bom_ref=f"chromium@{chromium}"),
        Component(
            name="PyInstaller bootloader", version=builder, type=ComponentType.LIBRARY, bom_ref=f"bootloader@{builder}"
        ),
    ]


def _libraries(bundle: Path) -> list[Component]:
    """Return the libraries that came from the building system rather than from a package."""
    inner = bundle / "_internal"
    files = [path for path in sorted(inner.iterdir()) if path.is_file() and not path.is_symlink()]
    return [
        Component(
            name=path.name,
            type=ComponentType.FILE,
            bom_ref=f"file:{path.name}",
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256(path))],
        )
        for path in files
        if re.search(r"\.(?:dll|pyd|dylib)$|\.so(?:\.|$)", path.name)
    ]
