"""`offhook sandbox model`: the stand-in for a language model's server, as long as it is wanted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from agent.agents import load_agent
from telephony.sandbox.openai_server.instead import opened
from telephony.settings import load_settings

sandbox_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Stand-ins for what costs an account.",
)
#: Beside the service's 8080.
PORT = 8090


@sandbox_app.callback()
def group() -> None:
    """Stand-ins for what costs an account."""


@sandbox_app.command("model")
def model_command(
    agent: Annotated[
        str | None, typer.Option("--agent", help="Whose flow.toml it answers from: a name, or a folder.")
    ] = None,
    behaviour: Annotated[
        str, typer.Option("--behaviour", metavar="PATTERN|FILE", help="Its pace and faults: docs/sandbox.md.")
    ] = "hosted",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 picks a free one.")] = PORT,
    config: Annotated[
        Path | None, typer.Option("--config", help="The settings file; else offhook.toml, if there is one.")
    ] = None,
) -> None:
    """Serve OpenAI's protocol on this machine, without a model behind it, until Ctrl-C."""
    settings = load_settings(config, agent=agent)
    definition = load_agent(settings.agent, settings.agents_dir)

    async def serve() -> None:
        async with opened(definition, behaviour, port=port) as server:
            typer.echo(f"{definition.name}, as a model ({behaviour}), at {server.base_url}. In an agent.toml:")
            typer.echo(f'\n    [llm]\n    engine = "openai"\n    model = "{server.model}"')
            typer.echo(f'    base_url = "{server.base_url}"\n\nCtrl-C ends it.')
            await asyncio.Event().wait()

    asyncio.run(serve())
