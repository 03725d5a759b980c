"""What the shell itself runs in each page, where the page's own scripts neither see nor stop it."""

from __future__ import annotations

import secrets

from PyQt5.QtWebEngineWidgets import QWebEngineScript

ENDED, REFUSED = "ended", "refused"

# The shell's eyes. They say two things: this document carries the mark of an ended session, and a call of the page
# was refused. Both only make the shell ask the server at once. The page cannot say them itself: it does not know
# the sign, which is another one for each profile.
_WATCH = """
(function () {
  "use strict";
  var told = "";
  function look() {
    var mark = document.querySelector('meta[name="till-ended"]');
    var code = mark ? mark.getAttribute("content") || "ended" : "";
    if (code !== told) { told = code; if (code) { console.info("SIGN:ended"); } }
  }
  document.addEventListener("htmx:responseError", function () { console.info("SIGN:refused"); });
  new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });
  look();
}());
"""
# The interceptor never sees a WebSocket, and where a redirect leads it sees so late that some requests still go out.
# A policy in a document of its own, before the page has any, binds the page, its frames and its workers, and stays
# when the element goes. It names origins alone: the server's own narrows it.
_POLICY = """
(function () {
  "use strict";
  var root = document.createElement("html"), head = document.createElement("head");
  var policy = document.createElement("meta"), there = document.documentElement;
  policy.httpEquiv = "Content-Security-Policy";
  policy.content = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self'; " +
    "frame-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'";
  head.appendChild(policy);
  if (there) {
    there.insertBefore(head, there.firstChild);
    head.remove();
  } else {
    root.appendChild(head);
    document.appendChild(root);
    root.remove();
  }
}());
"""
# Peer connections go past interceptor and policy alike, and no screen needs one.
_NO_PEERS = """
(function () {
  "use strict";
  ["RTCPeerConnection", "webkitRTCPeerConnection"].forEach(function (name) { delete window[name]; });
}());
"""
# The engine says "failed" alike for a refusal with a page (404), for no answer, and for a reload without answer
# that left the former document standing: so each document is marked the first time it is looked at.
STATE = """
(function () {
  var seen = !!window.tillShellSeen, shown = document.body ? document.body.innerText.trim() : "";
  window.tillShellSeen = true;
  return JSON.stringify({
    ended: !!document.querySelector('meta[name="till-ended"]'),
    fresh: !seen && /^https?:$/.test(location.protocol) && shown !== "",
    title: document.title
  });
}());
"""


def new_sign() -> str:
    """Return what the shell's eyes begin their words with, for one profile."""
    return f"till-shell-{secrets.token_hex(16)}"


def page_scripts(sign: str) -> list[QWebEngineScript]:
    """Return the scripts of a profile whose eyes use this sign."""
    return [
        _script(
            "till-shell-watch",
            _WATCH.replace("SIGN", sign),
            QWebEngineScript.InjectionPoint.DocumentReady,
            QWebEngineScript.ScriptWorldId.ApplicationWorld,
            frames=False,
        ),
        _script(
            "till-shell-policy",
            _POLICY,
            QWebEngineScript.InjectionPoint.DocumentCreation,
            QWebEngineScript.ScriptWorldId.ApplicationWorld,
            frames=True,
        ),
        _script(
            "till-shell-no-peers",
            _NO_PEERS,
            QWebEngineScript.InjectionPoint.DocumentCreation,
            QWebEngineScript.ScriptWorldId.MainWorld,
            frames=True,
        ),
    ]


def _script(
    name: str,
    source: str,
    point: QWebEngineScript.InjectionPoint,
    world: QWebEngineScript.ScriptWorldId,
    *,
    frames: bool,
) -> QWebEngineScript:
    script = QWebEngineScript()
    script.setName(name)
    script.setSourceCode(source)
    script.setInjectionPoint(point)
    script.setWorldId(world)
    script.setRunsOnSubFrames(frames)
    return script
