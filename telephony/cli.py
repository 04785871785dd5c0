"""The `offhook` command. Everything heavy is imported by the command that needs it: `--help` must come at once."""

from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.errors import OffhookError

if TYPE_CHECKING:
    from telephony.settings import Settings

app = typer.Typer(
    name="offhook",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks are long, and show what variables hold
    help="Answers phone calls with an AI agent.",
)
agents_app = typer.Typer(no_args_is_help=True, help="The agents: list them, check one.")
app.add_typer(agents_app, name="agents")

Config = Annotated[Path | None, typer.Option("--config", help="The settings file; else offhook.toml, if there is one.")]
Agent = Annotated[str | None, typer.Option("--agent", help="The agent that answers: a name, or a folder.")]
Host = Annotated[str | None, typer.Option("--host", help="The address to listen on.")]
Port = Annotated[int | None, typer.Option("--port", help="The port to listen on; 0 picks a free one.")]
PublicOrigin = Annotated[
    str | None, typer.Option("--public-origin", help="Where the carrier reaches us: https://agent.example.com")
]
StandInModel = Annotated[
    str | None,
    typer.Option(
        "--stand-in-model",
        metavar="PATTERN|FILE",
        help="Ask a stand-in for a language model, which answers from the agent's flow: docs/sandbox.md.",
    ),
]

#: Usage errors and mistakes of ours share a status: nothing was done.
USAGE = 2
INTERRUPTED = 130


@app.command()
def serve(
    config: Config = None,
    agent: Agent = None,
    host: Host = None,
    port: Port = None,
    public_origin: PublicOrigin = None,
    stand_in_model: StandInModel = None,
    supervise: Annotated[
        bool, typer.Option("--supervise", help="Start a new worker when one dies; its calls come back.")
    ] = False,
) -> None:
    """Answer calls until Ctrl-C, or SIGTERM; calls that run may finish first."""
    from telephony.logs.setup import configure
    from telephony.logs.writer import say
    from telephony.settings import load_settings
    from telephony.web import serve as server

    options: dict[str, str | int | Path | None] = {
        "agent": agent,
        "host": host,
        "port": port,
        "public_origin": public_origin,
        "stand_in_model": stand_in_model,
    }
    settings = load_settings(config, **options)
    configure(settings.log_level, settings.log_format)
    if supervise:
        options["config"] = config
        given = [f"--{name.replace('_', '-')}={value}" for name, value in options.items() if value is not None]
        raise typer.Exit(server.supervise(settings, [sys.executable, "-m", "telephony.cli", "serve", *given]))
    _warn_of_token(settings)

    async def tell(service: server.Service) -> None:
        reached = settings.public_origin or service.url
        agents = ", ".join(sorted(set(service.host.agents.names().values())))
        told = f"answering calls: {agents}; the number's voice webhook is {reached}/twilio/voice"
        if settings.log_format == "json":  # whoever reads the log by machine reads all of it so
            logging.getLogger("offhook").info(told)
        else:
            say(told)  # on the event loop: it must not wait for whoever reads it
            say(f"{_phone_told(settings, service.url)}; Ctrl-C stops the service")

    raise typer.Exit(server.run_loop(server.serve(settings, tell)))


def _phone_told(settings: Settings, url: str) -> str:
    """Where the browser phone is, and for whom; `url` is the service's on this machine."""
    if not settings.public_origin:
        return f"the browser phone is {url}/phone"
    if settings.operator_token is None:
        return "the browser phone and /metrics are shut: OFFHOOK_OPERATOR_TOKEN opens them"
    return f"the browser phone is {settings.public_origin}/phone (user operator, password OFFHOOK_OPERATOR_TOKEN)"


def _warn_of_token(settings: Settings) -> None:
    """What the doctor would say of the token, for whoever does not ask it."""
    from telephony.doctor.machine import judge_token

    if settings.twilio_auth_token is None:
        return  # which is in order, or is refused at once
    finding = judge_token(settings.twilio_auth_token.get_secret_value(), settings.public_origin)
    log = logging.getLogger("offhook")
    if finding.level in ("warning", "failed"):
        log.warning("%s: %s", finding.said, finding.mend)
    elif not settings.public_origin:
        log.info("TWILIO_AUTH_TOKEN is set, but no OFFHOOK_PUBLIC_ORIGIN: only this machine may call")


@app.command()
def call(
    script: Annotated[
        str, typer.Argument(metavar="SCRIPT|FILE", help='A caller ("demo"), a script (.toml) or a recording.')
    ],
    to: Annotated[str | None, typer.Option("--to", help="The service to ring; else the one of these settings.")] = None,
    wav: Annotated[Path | None, typer.Option("--wav", help="Write the call, as the caller heard it, here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
    trial: Annotated[bool, typer.Option("--trial", help="As a number of a Twilio trial account would.")] = False,
    fallback: Annotated[
        str | None, typer.Option("--fallback", metavar="URL", help="The number's fallback URL, should a webhook fail.")
    ] = None,
    number: Annotated[
        str | None, typer.Option("--number", help="The number that is called; else +15005550001.")
    ] = None,
    caller: Annotated[str | None, typer.Option("--from", help="The number that calls; else +15005550006.")] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also the TwiML, redirects, and the caller's own pacing.")
    ] = False,
    fault: Annotated[
        str | None,
        typer.Option("--fault", metavar="PATTERN|FILE", help="What goes wrong on the line: docs/faults.md."),
    ] = None,
    config: Config = None,
) -> None:
    """Ring a service as the carrier would. Status 0 if the caller was served (or answered, where nobody can tell here
    what was understood), else 1."""
    from telephony.sandbox.command import ring
    from telephony.settings import load_settings
    from telephony.web.serve import run_loop

    made = ring(
        load_settings(config),
        script,
        to=to,
        wav=wav,
        as_json=as_json,
        trial=trial,
        fallback=fallback,
        number=number,
        caller=caller,
        verbose=verbose,
        fault=fault,
    )
    raise typer.Exit(run_loop(made))


@app.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End after the call; status 0 if the caller was served.")
    ] = False,
    wav: Annotated[Path, typer.Option("--wav", help="Where the call, as the caller heard it, is written.")] = Path(
        "demo.wav"
    ),
    fault: Annotated[
        str | None,
        typer.Option("--fault", metavar="PATTERN|FILE", help="What goes wrong, also in engines: docs/faults.md."),
    ] = None,
    config: Config = None,
    agent: Agent = None,
    port: Port = None,
    stand_in_model: StandInModel = None,
) -> None:
    """Start the service, ring it with a recorded caller, and show the conversation as it happens."""
    from telephony.demo import run_demo
    from telephony.logs.setup import configure
    from telephony.settings import load_settings
    from telephony.web.serve import run_loop

    settings = load_settings(config, agent=agent, port=port, stand_in_model=stand_in_model)
    configure("warning" if settings.log_level == "info" else settings.log_level, settings.log_format)
    raise typer.Exit(run_loop(run_demo(settings, once=once, wav=wav, fault=fault)))


@agents_app.command("list")
def list_agents(config: Config = None) -> None:
    """The agents there are, those that the settings name among them: their folders, and the numbers they answer."""
    from telephony.settings import load_settings

    rows = _agents(load_settings(config))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, folder, numbers in rows:
        typer.echo(f"{name:<{widths[0]}}  {folder:<{widths[1]}}  {numbers}".rstrip())


def _agents(settings: Settings) -> list[tuple[str, str, str]]:
    """Name (or as the settings write it), folder, numbers."""
    from agent.agents import agent_folders

    folders = {folder.name: folder for folder in agent_folders(settings.agents_dir)}
    names = {folder.resolve(): name for name, folder in folders.items()}
    answers: dict[str, list[str]] = {}
    rest = "all other numbers" if settings.numbers else "all numbers"
    routes = [(number, settings.route(number).agent) for number in settings.numbers]
    for number, written in [*routes, (rest, settings.agent)]:
        name = written if written in folders else names.setdefault(Path(written).resolve(), written)
        folders.setdefault(name, Path(written))
        answers.setdefault(name, []).append(number)
    return [
        (name, str(folder) if folder.is_dir() else "there is no such agent", ", ".join(answers.get(name, [])))
        for name, folder in folders.items()
    ]


@agents_app.command("check")
def check_agent(
    name: Annotated[str, typer.Argument(help="The agent: a name, or a folder.")], config: Config = None
) -> None:
    """Read an agent's folder and start its engines; a mistake is told with file, line, and what to write instead."""
    import asyncio

    from agent.agents import load_agent
    from agent.kit import try_engines
    from telephony.settings import load_settings

    agent = load_agent(name, load_settings(config).agents_dir)
    asyncio.run(try_engines(agent))
    engines = ", ".join(f"{kind} {engine}" for kind, engine in agent.engines.items())
    typer.echo(f"{agent.name} is in order: {engines}; {len(agent.tools)} tools; record {agent.record}")


@app.command()
def version() -> None:
    """The version of Offhook, and of the Python that runs it."""
    from importlib.metadata import version as version_of

    typer.echo(f"offhook {version_of('offhook')}, Python {sys.version.split()[0]}")


@app.command("config")
def show_config(
    config: Config = None,
    agent: Agent = None,
    host: Host = None,
    port: Port = None,
    public_origin: PublicOrigin = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Every setting: its value, and where it comes from. Secrets are not shown."""
    import json

    from telephony.settings_table import rows_as_json, rows_as_table, settings_rows

    rows = settings_rows(config, agent=agent, host=host, port=port, public_origin=public_origin)
    typer.echo(json.dumps(rows_as_json(rows), indent=1) if as_json else rows_as_table(rows))


def _mount(name: str, module: str, attribute: str, help_text: str) -> None:
    """A group of commands that lives elsewhere, and is imported only when it is asked for."""

    def passed_on(context: typer.Context) -> None:
        group = getattr(importlib.import_module(module), attribute)
        group(args=context.args, prog_name=f"offhook {name}")

    settings = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    app.command(name, help=help_text, context_settings=settings)(passed_on)


_mount("sandbox", "telephony.sandbox.openai_server.command", "sandbox_app", "A stand-in for a model's server.")
_mount("calls", "telephony.calls", "calls_app", "The calls that were: list, show, delete, draw.")
_mount("replay", "telephony.replay.command", "replay_app", "Run calls again as tests: same, against, with faults.")
_mount("bench", "telephony.bench.command", "bench_app", "Measure: latency, capacity, turns understood.")
_mount("doctor", "telephony.doctor.command", "doctor_app", "Is all in order for calls? And what an error code means.")


def run(args: list[str]) -> int:
    """Run one command; the exit status. An error of ours is told without a traceback."""
    try:
        app(args=args, prog_name="offhook")
    except OffhookError as error:
        typer.echo(f"offhook: {error}", err=True)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as end:  # how typer ends every command
        return end.code if isinstance(end.code, int) else 0
    return 0


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
