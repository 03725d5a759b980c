"""`make package VERSION=1.2.3`: everything that a release of the shell consists of, into `dist/`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from shell_client.packaging.archive import write_sums, write_zip
from shell_client.packaging.bundle import ROOT, is_for_windows, left_out_megabytes, make_bundle, size_of
from shell_client.packaging.installer import make_installer
from shell_client.packaging.manual import write_manual
from shell_client.packaging.release import CannotPackage, Release
from shell_client.packaging.sbom import write_sbom
from shell_client.packaging.template import TEMPLATE, filled_template, template_values

PROGRAM_FOLDER = "程序文件"


def main(arguments: list[str] | None = None) -> int:
    """Make the release that the arguments describe; 1 with one line where it cannot be made."""
    asked = _parser().parse_args(arguments)
    try:
        release = Release.of(ROOT, version=asked.version, api_base_url=asked.api_base_url, environ=os.environ)
        package(release, work=asked.work, target=asked.output)
    except (CannotPackage, OSError) as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    return 0


def package(release: Release, *, work: Path, target: Path) -> None:
    """Make bundle, ZIP, installer (on Windows), SBOM and sums of `release` in an emptied `target`."""
    settings = filled_template(release)  # first: a wrong address is known before the long work
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    print(f"{release.name}: commit {release.commit or 'unknown'}, built {release.build.built_at}", flush=True)
    if release.api_base_url == template_values()["api_base_url"]:
        print(f"  no API_BASE_URL: tills get {release.api_base_url} and must be told theirs in config.json", flush=True)

    bundle = make_bundle(release, work=work)
    size = size_of(bundle)
    less = left_out_megabytes(work)
    print(f"  bundle     {size.megabytes} MB, {size.files} files; at least {less} MB were left out", flush=True)

    distribution = lay_out(release, bundle, settings=settings, folder=work / release.name)
    archive = target / f"{release.name}.zip"
    write_zip(distribution, archive, moment=release.moment)
    _say("ZIP", archive)
    sbom = target / f"{release.name}.cdx.json"
    write_sbom(release, bundle, sbom)
    _say("SBOM", sbom)
    made = [archive, sbom]
    if is_for_windows(bundle):
        installer = target / f"{release.name}_Setup.exe"
        make_installer(release, bundle, config=distribution / TEMPLATE.name, target=installer)
        _say("installer", installer)
        made.append(installer)
    else:
        print("  installer  none: this bundle is for this system; the one for tills is made on Windows", flush=True)
    sums = target / f"{release.name}.sha256"
    write_sums(made, sums)
    _say("sums", sums)


def lay_out(release: Release, bundle: Path, *, settings: str, folder: Path) -> Path:
    """Make the folder that the ZIP holds: program, manual, settings to copy; return it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copytree(bundle, folder / PROGRAM_FOLDER, symlinks=True, copy_function=_link_or_copy)
    (folder / TEMPLATE.name).write_text(settings, "utf-8", newline="\n")
    write_manual(release, folder)
    return folder


def _link_or_copy(source: str, target: str) -> str:
    """Link a file where the disk can, since a bundle is hundreds of megabytes; else copy it."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
    return target


def _say(what: str, path: Path) -> None:
    print(f"  {what:9}  {path.name}, {path.stat().st_size / 1e6:.1f} MB", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shell_client.packaging", description=__doc__)
    version = os.environ.get("VERSION")
    parser.add_argument("--version", default=version, required=version is None, help="three numbers: 1.2.3")
    address = os.environ.get("API_BASE_URL") or template_values()["api_base_url"]
    parser.add_argument("--api-base-url", default=address, help="the server that new tills call (or API_BASE_URL)")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="where the release goes; emptied first")
    parser.add_argument("--work", type=Path, default=ROOT / "var" / "package", help="the builder's own folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
