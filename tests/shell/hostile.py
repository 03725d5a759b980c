"""A stranger's server, and the pages by which one inside the web view would reach it."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

BLOB_WORKER = """new Worker(URL.createObjectURL(new Blob(["SCRIPT"])))"""

ATTACKS = {
    "link": '<a id="go" href="THERE">x</a>',
    "link_to_new_window": '<a id="go" target="_blank" href="THERE">x</a>',
    "window_open": """<button id="go" onclick="document.title = window.open('THERE') ? 'open' : 'NAME failed'">x
        </button>""",
    "window_open_by_script": "<script>document.title = window.open('THERE') ? 'open' : 'NAME failed'</script>",
    "script_that_leaves": "<script>location.href = 'THERE'</script>",
    "meta_refresh": '<meta http-equiv="refresh" content="0; url=THERE">',
    "redirect": '<a id="go" href="/till/away/">x</a>',
    "redirect_of_a_call": """<script>
        fetch('/till/away/').catch(function () { document.title = 'NAME failed'; })</script>""",
    "redirect_of_an_image": """<img src="/till/away/" onerror="document.title = 'NAME failed'">""",
    "frame": '<iframe src="THERE"></iframe>',
    "frame_that_is_redirected": '<iframe src="/till/away/"></iframe>',
    "object": '<object data="THERE"></object>',
    "form": '<form action="THERE" method="post"><input name="a" value="b"><button id="go">x</button></form>',
    "form_in_new_window": '<form action="THERE" target="_blank"><button id="go">x</button></form>',
    "form_in_frame": '<iframe name="f"></iframe><form action="THERE" target="f"><button id="go">x</button></form>',
    "download": '<a id="go" download="x.txt" href="THERE">x</a>',
    "image": '<img src="THERE">',
    "script": '<script src="THERE"></script>',
    "style": '<link rel="stylesheet" href="THERE">',
    "prefetch": '<link rel="prefetch" href="THERE">',
    "ping": """<a id="go" href="#here" ping="THERE" onclick="fetch('/till/away/').catch(function () {
        document.title = 'NAME failed'; })">x</a>""",
    "call": "<script>fetch('THERE', {mode: 'no-cors'}).catch(function () {})</script>",
    "call_of_a_worker": f"""<script>{BLOB_WORKER.replace("SCRIPT", "fetch('THERE')")}</script>""",
    "beacon": "<script>navigator.sendBeacon('THERE', 'a')</script>",
    "event_source": "<script>new EventSource('THERE')</script>",
    "peer_connection": """<script>try {
        var peer = new RTCPeerConnection({iceServers: [{urls: 'stun:HOST'}]});
        peer.createDataChannel('x');
        peer.createOffer().then(function (offer) { peer.setLocalDescription(offer); });
        } catch (error) { document.title = 'NAME failed'; }</script>""",
    "another_host": """<script>fetch('http://NAMED/another_host', {mode: 'no-cors'}).catch(function () {
        document.title = 'NAME failed'; })</script>""",
    "peer_connection_of_a_frame": """<iframe id="f"></iframe><script>
        var peer = new f.contentWindow.RTCPeerConnection({iceServers: [{urls: 'stun:HOST'},
            {urls: 'turn:NAMED?transport=tcp', username: 'u', credential: 'c'}]});
        peer.onicegatheringstatechange = function () {
            if (peer.iceGatheringState === 'complete') { document.title = 'NAME failed'; } };
        peer.createDataChannel('x');
        peer.createOffer().then(function (offer) { peer.setLocalDescription(offer); });</script>""",
    "web_socket": "<script>new WebSocket('WS').onerror = function () { document.title = 'NAME failed'; }</script>",
    "web_socket_of_a_worker": f"""<script>{
        BLOB_WORKER.replace("SCRIPT", "new WebSocket('WS').onerror = function () { postMessage(1); }")
    }.onmessage = function () {{ document.title = 'NAME failed'; }}</script>""",
    "web_socket_of_a_frame": """<iframe id="f" srcdoc="x"></iframe><script>
        new f.contentWindow.WebSocket('WS').onerror = function () { document.title = 'NAME failed'; }</script>""",
}
"""The body of each page; `THERE`, `WS`, `HOST`, `NAMED` are the stranger's, `NAME` for the key; `#go` is pressed."""

PEER_ATTACKS = ("peer_connection", "peer_connection_of_a_frame")


class Stranger:
    """A server elsewhere that answers everything and remembers who asked for what."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        stranger = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def do_OPTIONS(self) -> None:
                self._answer()

            def _answer(self) -> None:
                stranger.asked.append(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                content = b"<title>stranger</title>stranger"
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Access-Control-Allow-Headers", "Authorization")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def send_error(self, *_: Any) -> None:
                """Remember what came and was no HTTP at all."""
                if stranger.aimed_by in PEER_ATTACKS:
                    stranger.asked.append(f"/{stranger.aimed_by}")

            def log_message(self, *_: object) -> None:
                """Say nothing: the test shows what matters."""

        self._httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._httpd.daemon_threads = True
        self.port = self._httpd.server_port
        self.aimed_by = ""
        self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._datagrams.bind(("127.0.0.1", self.port))
        self._threads = (
            threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True),
            threading.Thread(target=self._hear_datagrams, daemon=True),
        )

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._httpd.shutdown()
        self._httpd.server_close()
        self._datagrams.close()

    def _hear_datagrams(self) -> None:
        while True:
            try:
                self._datagrams.recv(2048)
            except OSError:
                return
            if self.aimed_by in PEER_ATTACKS:  # a late one of a page before is none of the others
                self.asked.append(f"/{self.aimed_by}")

    def page_of(self, attack: str) -> str:
        """Return the body of an attack's page that aims at this server."""
        self.aimed_by = attack
        host = f"127.0.0.1:{self.port}"
        addresses = {
            "NAMED": f"localhost:{self.port}",
            "NAME": attack,
            "THERE": f"http://{host}/{attack}",
            "WS": f"ws://{host}/{attack}",
            "HOST": host,
        }
        body = ATTACKS[attack]
        for word, address in addresses.items():
            body = body.replace(word, address)
        return body

    def was_reached_by(self, attack: str) -> bool:
        """Tell whether a request of this attack came."""
        return f"/{attack}" in {path.split("?")[0] for path in self.asked}
