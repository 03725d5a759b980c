"""nginx from the templates in nginx/conf, without root and without containers."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from backend.devtools.certificates import ensure_certificates
from backend.devtools.children import CannotStart, Child, free_port, program
from backend.devtools.servers import ROOT

TEMPLATES = ROOT / "nginx" / "conf"
PLACE = re.compile(r"\$\{([A-Z_]+)\}")  # nginx's own variables are lower case


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return the template with every ${NAME} filled in; raises KeyError for one without a value."""
    return PLACE.sub(lambda match: values[match.group(1)], template)


def write_configuration(
    directory: Path,
    *,
    port: int,
    redirect_port: int,
    till_ports: Sequence[int],
    office_ports: Sequence[int],
    certificate: Path,
    key: Path,
    static: Path,
    origin: str,
    grafana_port: int | None = None,
) -> Path:
    """Write the configuration into `directory` and return its main file.

    Args:
        directory: for the configuration, logs and temporary files.
        port: where HTTPS listens, on loopback.
        redirect_port: where HTTP is sent to HTTPS.
        till_ports: of the servers for API and screens; one that takes no connection is passed over.
        office_ports: of those for the back office, likewise.
        certificate: the chain, PEM.
        key: its private key, PEM.
        static: the collected static files; the directory is called `static`.
        origin: what clients call the service.
        grafana_port: Grafana's, for `/ops/`; there is none without it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    values = {
        "RUN_DIR": str(directory),
        "CONF_DIR": str(TEMPLATES),
        "NGINX_ETC": "/etc/nginx",
        "ERROR_LOG": str(directory / "error.log"),
        "ACCESS_LOG": str(directory / "access.log"),
        "TILL_SERVERS": servers(till_ports),
        "OFFICE_SERVERS": servers(office_ports),
        # Without ops.conf nobody asks it.
        "OPS_SERVERS": f"server 127.0.0.1:{grafana_port};" if grafana_port else "server 127.0.0.1:9 down;",
        "STATUS_LISTEN": f"127.0.0.1:{free_port()}",
        "LISTEN": f"127.0.0.1:{port}",
        "REDIRECT_LISTEN": f"127.0.0.1:{redirect_port}",
        "TLS_CERTIFICATE": str(certificate),
        "TLS_KEY": str(key),
        "STATIC_PARENT": str(static.parent),
        "PUBLIC_ORIGIN": origin,
    }
    for name in ("nginx.conf", "server.conf", *(["ops.conf"] if grafana_port else [])):
        template = (TEMPLATES / f"{name}.template").read_text(encoding="utf-8")
        (directory / name).write_text(filled(template, values), encoding="utf-8")
    return directory / "nginx.conf"


def servers(ports: Sequence[int], *, away: int = 5) -> str:
    """Return the lines of an upstream block; nginx keeps away for `away` seconds from one that takes no connection."""
    return " ".join(f"server 127.0.0.1:{port} max_fails=2 fail_timeout={away}s;" for port in ports)


def command(configuration: Path) -> list[str]:
    """Return the command that runs nginx in the foreground on `configuration`."""
    executable = program("nginx", hint="install it (Debian: apt-get install nginx-light).")
    # Started by root, workers would become `nobody`, who may not read a home directory.
    user = "user root; " if os.name == "posix" and os.geteuid() == 0 else ""
    log = str(configuration.with_name("error.log"))
    return [executable, "-c", str(configuration), "-e", log, "-g", f"{user}daemon off;"]


def nginx(configuration: Path) -> Child:
    """Start nginx."""
    return Child("nginx", command(configuration), log=configuration.with_name("nginx.log"))


def main() -> int:
    """Let nginx itself judge the templates, each filled in; 0 with a line where there is no nginx."""
    try:
        executable = program("nginx", hint="")
    except CannotStart:
        print("There is no nginx here.")
        return 0
    with tempfile.TemporaryDirectory(prefix="nginx-") as made:
        directory = Path(made)
        _authority, certificate, key = ensure_certificates(directory / "tls")
        configuration = write_configuration(
            directory / "run",
            port=free_port(),
            redirect_port=free_port(),
            till_ports=[free_port(), free_port()],
            office_ports=[free_port()],
            grafana_port=free_port(),
            certificate=certificate,
            key=key,
            static=directory / "static",
            origin="https://127.0.0.1",
        )
        checked = [executable, "-t", "-q", "-c", str(configuration), "-e", "/dev/stderr"]
        return subprocess.run(checked, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
