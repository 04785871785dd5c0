"""A real nginx with docker/nginx.conf: only host, ports, certificate and log files are written differently."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import until

CONFIG = Path(__file__).parents[2] / "docker" / "nginx.conf"
# Debian keeps it where only root's PATH looks.
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
OPENSSL = shutil.which("openssl")

#: What a distribution's own nginx.conf does around the file. One process: nothing is left when it is ended.
MAIN = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/main-error.log;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/offhook.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running one."""

    origin: str
    certificate: Path
    folder: Path

    def logs(self) -> str:
        """Everything it has written down."""
        return "".join(file.read_text() for file in self.folder.glob("*.log"))


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def make_certificate(folder: Path, host: str = "localhost", *, days: int = 30) -> Path:
    """A self-signed certificate for `host`; its key lies beside it, as key.pem."""
    assert OPENSSL is not None
    command = [OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-days", str(days)]
    command += ["-subj", f"/O=Offhook tests/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
    subprocess.run(command, check=True, capture_output=True, timeout=20)
    return folder / "cert.pem"


def site(folder: Path, port: int, upstream_port: int, changes: dict[str, str] | None = None) -> str:
    """docker/nginx.conf for this machine. `changes`: what else is to be replaced, to spoil it
    ("<upstream>" is the service's port)."""
    text = CONFIG.read_text()
    replaced = {
        "/etc/letsencrypt/live/agent.example.com/fullchain.pem": f"{folder}/cert.pem",
        "/etc/letsencrypt/live/agent.example.com/privkey.pem": f"{folder}/key.pem",
        "server_name agent.example.com": "server_name localhost",
        "server 127.0.0.1:8080;": f"server 127.0.0.1:{upstream_port};",
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/var/log/nginx/": f"{folder}/",
        **(changes or {}),
    }
    for old, new in replaced.items():
        assert old in text, f"docker/nginx.conf no longer holds {old!r}"
        text = text.replace(old, new.replace("<upstream>", str(upstream_port)))
    return text


@contextlib.asynccontextmanager
async def running_nginx(
    folder: Path, port: int, upstream_port: int, changes: dict[str, str] | None = None
) -> AsyncIterator[Nginx]:
    """Serve https://localhost:`port` from 127.0.0.1:`upstream_port` while the block runs."""
    assert NGINX is not None
    folder.mkdir(parents=True, exist_ok=True)
    certificate = make_certificate(folder)
    (folder / "offhook.conf").write_text(site(folder, port, upstream_port, changes))
    (folder / "main.conf").write_text(MAIN.format(folder=folder))
    with (folder / "output").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            NGINX, "-p", str(folder), "-c", str(folder / "main.conf"), stdout=output, stderr=output
        )
    try:

        async def listens() -> bool:
            assert process.returncode is None, (folder / "output").read_text()
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return True
            return False

        await until(listens, within_s=10, what="nginx, listening")
        yield Nginx(f"https://localhost:{port}", certificate, folder)
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(10):
            await process.wait()
