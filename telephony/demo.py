"""`offhook demo`: a service, a recorded caller who rings it, and their conversation as it happens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from agent.errors import LocalError
from telephony.conversation_view import ConversationView
from telephony.faults.plan import load_faults
from telephony.settings import Settings
from telephony.terminal import plain
from telephony.web.serve import PortTaken, Service, serve

#: The recorded caller talks for half a minute; after this it is stopped.
CALL_DEADLINE_S = 120.0
#: A child that was told to end has nothing to finish.
END_CHILD_S = 3.0


async def run_demo(settings: Settings, *, once: bool, wav: Path, fault: str | None = None) -> int:
    """The exit status: with `once`, 0 only if the caller was served; else that of the service.

    `fault`: a named pattern, or a file, of what goes wrong on the caller's line, and in the agent's engines and tools
    (docs/faults.md); not with a public origin. Raises LocalError.
    """
    console = Console(highlight=False, soft_wrap=True)
    faults = load_faults(fault) if fault is not None else None

    async def ring(service: Service) -> int | None:
        served = await _one_call(service, settings, wav, console, fault)
        if once:
            return 0 if served else 1
        _how_to_go_on(service, settings, console)
        return None

    if faults is not None:
        console.print(Text(plain(f"What goes wrong, on purpose: {faults.name}. {faults.description}"), "yellow"))
    console.print(Text("Loading the agent's engines …", "dim"))
    if once:
        settings = settings.model_copy(update={"drain_s": 0.0})
    try:
        return await serve(settings, ring, faults)
    except PortTaken:
        console.print(Text(f"Port {settings.port} is taken; using a free one.", "dim"))
        return await serve(settings.model_copy(update={"port": 0}), ring, faults)


async def _one_call(service: Service, settings: Settings, wav: Path, console: Console, fault: str | None) -> bool:
    """Ring the service from a process of its own, over a real socket, and tell what came of it."""
    view = ConversationView(console)
    service.host.listen(view.on_event)
    agent = service.host.agents.default.definition.name
    console.print(Text(f"{agent} answers calls at {service.url}. A recorded caller rings it now.\n", "dim"))
    report, complaint = await _caller(service, settings, wav, fault)
    console.print()
    if report is None:
        console.print(Text(f"The caller failed: {complaint}", "bold red"))
        return False
    waits = [said["voice_to_voice_ms"] for said in report["spoken"] if said["voice_to_voice_ms"] is not None]
    if waits:
        figures = f"median {statistics.median(waits):.0f} ms, longest {max(waits)} ms"
        console.print(f"At the caller's ear: {len(waits)} answers, {figures} from the last word to the first sound.")
    for error in report["errors"]:
        console.print(Text(f"Not well: {plain(error)}", "red"))
    console.print(f"The call, as the caller heard it: {wav}")
    if view.folder is not None:
        files = ", ".join(sorted(file.name for file in view.folder.iterdir()))
        console.print(f"Its record: {view.folder} ({files})")
    said = len(report["spoken"])
    if view.understood < said:  # an apology is an answer to the ear, and no service
        console.print(Text(f"Understood: {view.understood} of the {said} things that the caller said.", "red"))
    served = report["verdict"] != "not served" and view.understood >= said
    console.print(Text("The caller was served.", "bold green") if served else Text("NOT served.", "bold red"))
    return served


async def _caller(
    service: Service, settings: Settings, wav: Path, fault: str | None
) -> tuple[dict[str, Any] | None, str]:
    """The report of `offhook call demo`, run as a child; or None, and what it said on stderr."""
    command = [sys.executable, "-m", "telephony.cli", "call", "demo", "--to", service.url, "--wav", str(wav), "--json"]
    command += [] if fault is None else ["--fault", fault]
    # The caller signs with the token in this service's data folder, and looks for its record, wherever they were set.
    here = {"OFFHOOK_DATA_DIR": settings.data_dir, "OFFHOOK_CALLS_DIR": settings.calls_dir}
    environment = {**os.environ, **{name: str(path.resolve()) for name, path in here.items()}}
    pipe = asyncio.subprocess.PIPE
    try:
        child = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment
        )
    except OSError as error:
        raise LocalError(f"{sys.executable} cannot be started: {error.strerror}") from None
    try:
        async with asyncio.timeout(CALL_DEADLINE_S):
            out, errors = await child.communicate()
    except TimeoutError:
        return None, f"it was still talking after {CALL_DEADLINE_S:g} s"
    finally:
        await _end(child)
    try:
        report = json.loads(out)
    except ValueError:
        return None, plain(errors.decode("utf-8", "replace").strip()[-2000:])
    return (report, "") if isinstance(report, dict) else (None, "it gave no report")


async def _end(child: asyncio.subprocess.Process) -> None:
    """End the child if it still runs."""
    if child.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    try:
        async with asyncio.timeout(END_CHILD_S):
            await child.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            child.kill()


def _how_to_go_on(service: Service, settings: Settings, console: Console) -> None:
    offhook = _command()
    where = "" if settings.data_dir.is_absolute() else f"cd {Path.cwd()} && "
    console.print(f"\nThe service goes on at {service.url}. From another terminal:")
    for line in (
        f"{where}{offhook} call demo --to {service.url}",
        f"{where}{offhook} call YOUR-RECORDING.wav --to {service.url}",
        f"{where}{offhook} calls list",
    ):
        console.print(Text(f"    {line}", "bold"))
    console.print("Ctrl-C ends it.")


def _command() -> str:
    """How `offhook` is called here: by its path, where it is not on PATH."""
    beside = Path(sys.executable).with_name("offhook")
    if not beside.exists():
        return f"{sys.executable} -m telephony.cli"
    on_path = any(Path(folder) == beside.parent for folder in os.environ.get("PATH", "").split(os.pathsep))
    return "offhook" if on_path else str(beside)
