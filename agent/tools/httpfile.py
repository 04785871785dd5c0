"""Checking [[http_tool]] in agent.toml: from its tables to tools, every mistake told with its line."""

from __future__ import annotations

import inspect
import logging
import os
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, cast, get_args
from urllib.parse import urlsplit

from pydantic import Field
from pydantic_core import SchemaError

from agent.errors import AgentError
from agent.slots.base import KINDS, SlotKind
from agent.tomlfile import Table
from agent.tools.addresses import may_connect
from agent.tools.base import Effect, Prefetch, Tool, ToolContext
from agent.tools.decorator import MAX_BACKGROUND_S, MAX_RETRIES, tool
from agent.tools.http import HttpCall, fetch, parts, secret_names
from agent.virtual_time import charged

log = logging.getLogger(__name__)

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_TYPES: Mapping[str, type] = {"text": str, "integer": int, "number": float, "flag": bool}
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
#: The client's own to set.
_NO_HEADERS = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "accept-encoding", "upgrade", "te")
)
MAX_ARGUMENT_CHARS = 200


def check_http_tools(top: Table) -> dict[str, Tool]:
    """The tools that a file declares, by name; mistakes go to the table's collector."""
    found: dict[str, Tool] = {}
    for table in top.list_of_tables("http_tool"):
        made = _tool(table)
        if made is not None:
            if made.name in found:
                table.wrong("name", f"there are two http_tools named {made.name!r}; give each its own name")
            found[made.name] = made
    return found


def _tool(table: Table) -> Tool | None:
    name = table.text("name")
    effect = cast(Effect, table.text("effect", choices=get_args(Effect)))
    description = table.text("description")
    method = table.text("method", "GET", choices=_METHODS)
    arguments = {key: _argument(each) for key, each in table.table("arguments").tables().items()}
    timeout_s = table.integer("timeout_ms", 8000, 100, int(MAX_BACKGROUND_S * 1000)) / 1000
    call = _call(table, name, method, arguments, timeout_s)
    made = _made(table, call, name, effect, description, arguments, timeout_s)
    table.done()
    if effect != "read" or method in ("GET", "POST"):
        return made
    table.wrong(
        "method", f'{method} changes something; write effect = "write", or "irreversible" if it cannot be undone'
    )
    return None


def _made(
    table: Table,
    call: HttpCall | None,
    name: str,
    effect: Effect,
    description: str,
    arguments: Mapping[str, inspect.Parameter | None],
    timeout_s: float,
) -> Tool | None:
    options: dict[str, Any] = {
        "fillers": table.texts("fillers"),
        "patience_s": table.integer("patience_ms", 700, 0, 10_000) / 1000,
        "retries": table.integer("retries", 0, 0, MAX_RETRIES),
        "concurrency": table.integer("concurrency", 0, 0, 1000),
        "background": table.flag("background"),
        "cache_s": float(table.integer("cache_s", 30, 0, 3600)),
        "asked_with": table.texts("asked_with"),
        "claims": table.texts("claims"),
        "prefetch": _prefetch(table.table("prefetch")) if "prefetch" in table else (),
    }
    if call is None or not all(arguments.values()):
        return None
    given = [parameter for parameter in arguments.values() if parameter is not None]
    try:
        make = tool(effect=effect, timeout_s=timeout_s, **options)
        return make(_function(call, name, description, given))
    except (AgentError, SchemaError, ValueError) as error:
        told = str(error) if isinstance(error, AgentError) else "an argument's name or pattern cannot be used"
        table.wrong("name", told)
        return None


def _function(call: HttpCall, name: str, description: str, given: list[inspect.Parameter]) -> Callable[..., Any]:
    """A function with the signature of the arguments: of it the schema is made, as of any other tool."""

    async def ask(ctx: ToolContext, **arguments: Any) -> Any:
        return await charged(fetch(call, arguments))

    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=ToolContext)
    ask.__name__, ask.__qualname__, ask.__doc__ = name, name, description
    ask.__annotations__ = {each.name: each.annotation for each in (context, *given)}
    ask.__signature__ = inspect.Signature([context, *given])  # type: ignore[attr-defined]
    return ask


def _argument(table: Table) -> inspect.Parameter | None:
    name = table.path[-1]
    description = table.text("description")
    kind = table.text("type", "text", choices=tuple(_TYPES))
    choices = table.texts("choices")
    pattern = table.text("pattern", "", empty=True)
    optional = table.flag("optional")
    longest = table.integer("max_length", MAX_ARGUMENT_CHARS, 1, 10_000)
    table.done()
    if kind != "text" and (choices or pattern or "max_length" in table):
        table.wrong("type", f"choices, pattern and max_length are for texts; take them out, or the type {kind!r}")
    if pattern:
        try:
            re.compile(pattern)
        except re.error as error:
            table.wrong("pattern", f"this is no regular expression ({error}); write, for example, '^[0-9]{{4}}$'")
            return None
    if not name.isidentifier() or name.startswith("_") or name == "ctx":
        table.wrong("", f"an argument cannot be named {name!r}; write a plain word")
        return None
    of: Any = Literal[choices] if choices else _TYPES[kind]
    limits: dict[str, Any] = {"description": description}
    if kind == "text" and not choices:
        limits |= {"max_length": longest} | ({"pattern": pattern} if pattern else {})
    of = Annotated[of, Field(**limits)]
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None if optional else inspect.Parameter.empty,
        annotation=of | None if optional else of,
    )


def _call(
    table: Table, name: str, method: str, arguments: Mapping[str, inspect.Parameter | None], timeout_s: float
) -> HttpCall | None:
    private = table.flag("private_network")
    place = _place(table, table.text("url"), private=private)
    query, headers, result = table.mapping("query"), table.mapping("headers"), table.mapping("result")
    body = dict(table.table("json").rest()) if "json" in table else None
    if body is not None and method in ("GET", "DELETE"):
        table.wrong("json", f"a {method} has no body; write its values into query")
    _check_headers(table, headers)
    if place is None:
        return None
    origin, path = place
    used: set[str] = set()
    for key, text in (("url", path), *(("query", each) for each in query.values()), *_texts_in("json", body)):
        try:
            names = {field for _, field in parts(text) if field}
        except ValueError as error:
            table.wrong(key, f"{key} has a stray brace ({error}); write arguments as {{number}}")
            return None
        if secret_names(text):
            table.wrong(
                key, f"a secret stands in {key}, where it would be written down; put ${{NAME}} into headers only"
            )
        for unknown in sorted(names - set(arguments) - set(secret_names(text))):
            table.wrong(key, f"{key} names {{{unknown}}}, and there is no [http_tool.arguments.{unknown}]; write it")
        used |= names
        for each in names if key == "url" else ():
            parameter = arguments.get(each)
            if parameter is not None and parameter.default is None:
                table.wrong(key, f"{{{each}}} stands in the address, and is optional; the address needs it")
        if names - set(arguments):
            return None
    for unused in sorted(set(arguments) - used):
        table.wrong("arguments", f"the argument {unused!r} is sent nowhere; name it in url, query or json")
    return HttpCall(name, method, origin, path, query, headers, body, result, timeout_s, private)


def _texts_in(key: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(key, value)]
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [found for each in below for found in _texts_in(key, each)]


def _place(table: Table, url: str, *, private: bool) -> tuple[str, str] | None:
    """The origin and the path of an address."""
    try:
        split = urlsplit(url)
        host, port = split.hostname or "", split.port
    except ValueError:
        host, port, split = "", None, urlsplit("")
    wrong = ""
    if split.scheme not in ("https", "http") or not host or "{" in split.netloc or not url.isprintable() or " " in url:
        wrong = 'write an address with a fixed host, as in "https://api.example.org/orders/{number}"'
    elif split.username is not None:
        wrong = "write no name and password into it; use headers"
    elif split.query or split.fragment or "?" in url or "#" in url:
        wrong = 'write what follows the "?" into query, and no "#"'
    elif split.scheme == "http" and not private:
        wrong = 'write "https://"; without it, whoever is on the way reads and changes what is sent'
    elif re.fullmatch(r"[0-9a-f:.]*[:.][0-9a-f:.]*", host) and not may_connect(host, private_network=private):
        wrong = "this is no public address; if you mean one of your own network, add private_network = true"
    if wrong:
        if url:
            table.wrong("url", f"http_tool.url is {url!r}; {wrong}" if "@" not in url else f"http_tool.url: {wrong}")
        return None
    shown = f"[{host}]" if ":" in host else host
    return f"{split.scheme}://{shown}" + (f":{port}" if port else ""), split.path or "/"


def _check_headers(table: Table, headers: Mapping[str, str]) -> None:
    for name, text in headers.items():
        if not _HEADER.fullmatch(name) or name.lower() in _NO_HEADERS or not (text.isascii() and text.isprintable()):
            table.wrong("headers", f"the header {name!r} cannot be set so; write another")
        for secret in secret_names(text):
            if not os.environ.get(secret):
                log.warning("%s: the environment has no %s: the http_tool that needs it will fail", table.file, secret)


def _prefetch(table: Table) -> Prefetch:
    kind = table.text("kind", "", choices=("", *KINDS), empty=True)
    rule = Prefetch(
        from_slot=table.text("from_slot", "", empty=True),
        argument=table.text("argument", "", empty=True),
        kind=cast(SlotKind, kind),
        length=table.integer("length", 0, 0, 64),
        from_caller=table.text("from_caller", "", empty=True),
    )
    table.done()
    return rule
