"""What Windows shows of a program in its properties, in PyInstaller's form."""

from __future__ import annotations

from shell_client.packaging.release import APP_NAME, FILE_STEM, Release

_RESOURCE = """VSVersionInfo(
  ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, mask=0x3f, flags=0x0, OS=0x40004, fileType=0x1,
    subtype=0x0, date=(0, 0)),
  kids=[
    StringFileInfo([StringTable('080404b0', [
{lines}
    ])]),
    VarFileInfo([VarStruct('Translation', [2052, 1200])])
  ]
)
"""


def version_resource(release: Release) -> str:
    """Return the resource of `release`: Chinese, UTF-16, all four numbers (the last is 0)."""
    numbers = (*map(int, release.version.split(".")), 0)
    shown = {
        "CompanyName": APP_NAME,
        "FileDescription": APP_NAME,
        "FileVersion": release.version,
        "InternalName": FILE_STEM,
        "OriginalFilename": f"{FILE_STEM}.exe",
        "ProductName": APP_NAME,
        "ProductVersion": release.version,
        "Comments": f"{release.build.built_at} {release.commit or ''}".strip(),
    }
    lines = "\n".join(f"      StringStruct({key!r}, {value!r})," for key, value in shown.items())
    return _RESOURCE.format(numbers=numbers, lines=lines)
