"""The image and the compose file, as far as they can be proved without a container engine: what they name is there,
what they run runs, and a stop gives calls the time that they were promised."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from telephony.media_stream.conversation import SESSION_END_S
from telephony.settings import load_settings
from telephony.web.drain import GOODBYE_S, LAST_WEBHOOKS_S
from telephony.web.serve import GRACE_S

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined, comments left out."""
    lines = [line for line in (DOCKER / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in joined.splitlines()) if name]


def given(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    assert isinstance(loaded, dict)
    return loaded


# --- the image ------------------------------------------------------------------------------------------------------


def in_context(path: str) -> bool:
    """Whether .dockerignore lets this file of the clone into the build (its last fitting line decides)."""
    kept = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip().lstrip("!")
        if not pattern or pattern.startswith("#"):
            continue
        parts = path.split("/")
        parents = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
        free = pattern.removeprefix("**/")
        if any(fnmatch.fnmatchcase(parent, pattern) for parent in parents) or (
            pattern.startswith("**/") and any(fnmatch.fnmatchcase(part, free) for part in parts)
        ):
            kept = line.startswith("!")
    return kept


def test_what_the_image_copies_is_there_and_nothing_else_is_sent() -> None:
    sources = [word for rest in given("COPY") for word in shlex.split(rest)[:-1] if not word.startswith("--")]
    assert {"agent", "telephony", "prompts", "pyproject.toml"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists()
        assert in_context(source), source
    assert in_context("agent/session.py")
    for kept_out in (
        ".git/config",
        "calls/CA1/audio.wav",
        "data/auth-token",
        "docker/.env",
        "agent/x.pyc",
        "tests/a.py",
    ):
        assert not in_context(kept_out), kept_out


def test_all_that_the_wheel_is_made_of_is_copied() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    build = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*build["packages"], *build["force-include"], project["project"]["readme"]}
    needed |= set(project["project"]["license-files"])
    copied = {word for rest in given("COPY") for word in shlex.split(rest)[:-1]}
    assert needed <= copied
    assert f"constraints/py{given('FROM')[0].split(':')[1][:4].replace('.', '')}.txt" in " ".join(given("RUN"))
    assert (ROOT / "constraints/py312.txt").is_file()


def test_it_runs_without_rights_and_hears_signals() -> None:
    order = [name for name, _ in instructions()]
    assert given("USER") == ["offhook"]
    assert order.index("USER") < order.index("ENTRYPOINT")
    assert order.index("USER") > max(n for n, name in enumerate(order) if name == "RUN")
    assert given("STOPSIGNAL") == ["SIGTERM"]
    # The exec form: in the shell form, a shell would get the signal and keep it.
    assert json.loads(given("ENTRYPOINT")[0]) == ["offhook"]
    command = json.loads(given("CMD")[0])
    done = subprocess.run(
        [sys.executable, "-m", "telephony.cli", *command, "--help"], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert command[0] == "serve"


def test_its_settings_are_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("OFFHOOK_", "TWILIO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    environment = dict(pair.split("=") for rest in given("ENV") for pair in shlex.split(rest))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.host, settings.port, settings.log_format) == ("0.0.0.0", 8080, "json")
    assert given("EXPOSE") == [str(settings.port)]
    assert given("WORKDIR")[-1] == given("VOLUME")[0], "calls and data, which are relative, must lie in the volume"
    assert not settings.calls_dir.is_absolute()
    assert not settings.data_dir.is_absolute()


@pytest.fixture
def answering() -> Iterator[tuple[int, list[int]]]:
    """A server on a port, and the statuses that it is to give."""
    statuses: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses[-1] if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port, statuses
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_health_check_tells_the_living_from_the_dead(answering: tuple[int, list[int]]) -> None:
    port, statuses = answering
    (check,) = given("HEALTHCHECK")
    command = json.loads(check[check.index("[") :])
    assert command[0] == "python"

    def healthy(port: int) -> bool:
        environment = {**os.environ, "OFFHOOK_PORT": str(port), "http_proxy": "http://192.0.2.1:1"}
        run = subprocess.run(
            [sys.executable, *command[1:]], env=environment, capture_output=True, timeout=20, check=False
        )
        return run.returncode == 0

    statuses.append(200)
    assert healthy(port)
    statuses.append(500)
    assert not healthy(port)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        assert not healthy(taken.getsockname()[1])


# --- compose --------------------------------------------------------------------------------------------------------


def test_what_compose_names_is_there(compose: dict[str, Any]) -> None:
    service, nginx = compose["services"]["offhook"], compose["services"]["nginx"]
    context = (DOCKER / service["build"]["context"]).resolve()
    assert context == ROOT
    assert (context / service["build"]["dockerfile"]).is_file()
    for volume in nginx["volumes"]:
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (DOCKER / source).is_file(), source
    named = {volume.split(":")[0] for volume in service["volumes"]}
    assert named <= set(compose["volumes"])
    assert given("VOLUME")[0] == service["volumes"][0].split(":")[1]
    for image in (nginx["image"], *(rest.split()[0] for rest in given("FROM"))):
        assert re.fullmatch(r"[a-z]+:[a-z0-9.-]+", image), "an image by its short name, with a tag"


def test_compose_asks_for_every_secret_and_holds_none(compose: dict[str, Any]) -> None:
    environment = compose["services"]["offhook"]["environment"]
    assert environment["OFFHOOK_PUBLIC_ORIGIN"].startswith("https://${PUBLIC_HOST:?")
    assert environment["TWILIO_AUTH_TOKEN"].startswith("${TWILIO_AUTH_TOKEN:?")
    assert environment["OFFHOOK_OPERATOR_TOKEN"] == "${OFFHOOK_OPERATOR_TOKEN:-}"
    assert "ports" not in compose["services"]["offhook"], "past nginx nobody may reach it"


def seconds(text: str) -> int:
    minutes, rest = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", text).groups()  # type: ignore[union-attr]
    return 60 * int(minutes or 0) + int(rest or 0)


def test_a_stop_gives_calls_their_time(compose: dict[str, Any]) -> None:
    service = compose["services"]["offhook"]
    drain_s = float(service["environment"]["OFFHOOK_DRAIN_S"])
    longest_s = drain_s + GOODBYE_S + SESSION_END_S + LAST_WEBHOOKS_S + GRACE_S + 2
    assert seconds(service["stop_grace_period"]) > longest_s
    assert "nginx" in service["depends_on"], "what is depended on is stopped last"
    assert "depends_on" not in compose["services"]["nginx"]


def test_nginx_is_sent_to_the_service(compose: dict[str, Any]) -> None:
    nginx, service = compose["services"]["nginx"], compose["services"]["offhook"]
    shell, flag, script = nginx["command"]
    assert (shell, flag) == ("/bin/sh", "-c")
    sed = script.split(" > ")[0].replace("$$", "$").replace("/etc/offhook/nginx.conf", str(DOCKER / "nginx.conf"))
    written = subprocess.run(
        ["/bin/sh", "-c", sed], env={**os.environ, "PUBLIC_HOST": "desk.example.org"}, capture_output=True, text=True
    )
    assert written.returncode == 0, written.stderr
    address = service["networks"]["default"]["ipv4_address"]
    effective = "\n".join(line for line in written.stdout.splitlines() if not line.lstrip().startswith("#"))
    assert f"server {address}:8080;" in effective
    assert "server_name desk.example.org;" in effective
    assert "127.0.0.1" not in effective
    assert "agent.example.com" not in effective
    subnet = compose["networks"]["default"]["ipam"]["config"][0]["subnet"]
    assert address.rpartition(".")[0] == subnet.rpartition(".")[0]
