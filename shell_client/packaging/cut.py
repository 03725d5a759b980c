"""What of Qt and Python the shell never uses, and the bundle therefore leaves out."""

from __future__ import annotations

import re

EXCLUDED_MODULES = [
    *("tkinter", "unittest", "pydoc", "doctest", "pytest", "setuptools", "pip", "IPython", "numpy"),
    *("PyQt5.QtQuick", "PyQt5.QtQml", "PyQt5.QtQuickWidgets"),  # Python's doors to them; the engine takes the libraries
]
"""Python modules that something names and nothing of the shell calls."""

ENGINE_LANGUAGES = ("en-US", "zh-CN")
"""The engine's own words (context menus, error pages) in the shell's two languages."""

_UNUSED_QT = (
    *("Bluetooth", "Location", "Multimedia", "MultimediaQuick", "Nfc", "Quick3D", "Quick3DAssetImport"),
    *("Quick3DRender", "Quick3DRuntimeRender", "Quick3DUtils", "QuickControls2", "QuickParticles", "QuickShapes"),
    *("QuickTemplates2", "QuickTest", "RemoteObjects", "Sensors", "SerialPort", "Sql", "Test", "TextToSpeech"),
    *(
        "EglFSDeviceIntegration",
        "WaylandClient",
        "WebEngine",
        "WebSockets",
        "XmlPatterns",
        "Designer",
        "Help",
        "WebView",
        "PositioningQuick",
    ),
)
_PLATFORMS = ("xcb", "offscreen", "windows", "cocoa")
_PLUGIN_FOLDERS = (
    *("platforms", "imageformats", "iconengines", "printsupport", "platforminputcontexts", "styles"),
    *("xcbglintegrations", "platformthemes"),
)
_IMAGES = ("jpeg", "gif", "ico", "svg")

_LEFT_OUT = tuple(
    re.compile(pattern)
    for pattern in (
        r"PyQt5/Qt5?/qml/",  # no QML in the program; the engine brings its own compiled in
        r"PyQt5/Qt5?/translations/(?!qtwebengine_locales/)",  # every word the shell shows is its own
        r".*/qtwebengine_devtools_resources\.pak$",  # debugging is closed
        rf"(?:.*/)?(?:lib)?Qt5(?:{'|'.join(_UNUSED_QT)})(?:\.so.*|\.dll)$",
        rf"PyQt5/Qt5?/plugins/(?!(?:{'|'.join(_PLUGIN_FOLDERS)})/)",
        rf"PyQt5/Qt5?/plugins/platforms/(?!(?:lib)?q(?:{'|'.join(_PLATFORMS)})\.)",
        rf"PyQt5/Qt5?/plugins/imageformats/(?!(?:lib)?q(?:{'|'.join(_IMAGES)})\.)",
    )
)


def is_needed(place: str) -> bool:
    """Tell whether the file at `place` (relative, inside the bundle) is needed."""
    path = place.replace("\\", "/")
    if "/qtwebengine_locales/" in path:
        return path.rpartition("/")[2].removesuffix(".pak") in ENGINE_LANGUAGES
    return not any(pattern.match(path) for pattern in _LEFT_OUT)
