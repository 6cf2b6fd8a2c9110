"""The commands of ``cordboard config`` that look: list, show, validate, options, history."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cordboard.cli.config_io import (
    EXIT_REFUSED,
    JsonOption,
    ObjectArgument,
    app,
    fail,
    object_ref,
    opened,
    out,
    reporting,
    warn,
    word,
)
from cordboard.config.assemble import show_object
from cordboard.config.environment import Environment
from cordboard.config.errors import UnknownOptionError, nearest
from cordboard.config.objects import DN, AnyObject, ObjectKind, options_of
from cordboard.config.optionset import OptionSet


@app.command("list")
def list_(
    kind: Annotated[str, typer.Argument(help="dn, agent-login, person or place; none for all.")] = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """List the objects.

    [bold]Examples[/]

      cordboard config list

      cordboard config list dn --json | jq -r .[].name
    """
    known = [k.value for k in ObjectKind]
    if kind and kind not in known:
        fail(f"there is no kind {kind}; allowed: {', '.join(known)}", 2)
    with opened() as store:
        env = store.load()
        things = [thing for thing in env.objects() if not kind or thing.ref.kind.value == kind]
    if as_json:
        typer.echo(json.dumps([_as_json(thing) for thing in things], indent=2, ensure_ascii=False))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("object", "", "options"):
        table.add_column(column, overflow="fold")
    for thing in things:
        options = options_of(thing)
        shown = options.shown() if options else {}
        text = " ".join(f"{key}={value}" for key, value in shown.items() if not key.startswith("password-"))
        table.add_row(word(thing.ref), escape(_summary(thing)), escape(text))
    out.print(table)


def _summary(thing: AnyObject) -> str:
    shown = show_object(thing)
    fields = ("type", "display-name", "realm", "first-name", "last-name", "role", "agent-logins", "place", "dns")
    return ", ".join(shown[key] for key in fields if key in shown)


def _as_json(thing: AnyObject) -> dict[str, object]:
    return {"kind": thing.ref.kind.value, "name": thing.ref.name, "values": show_object(thing)}


@app.command()
def show(
    target: ObjectArgument,
    *,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Also what is inherited or default.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show an object. Secrets are shown as ***.

    [bold]Examples[/]

      cordboard config show 1501

      cordboard config show 1501 --all

      cordboard config show person:alice --json
    """
    with opened() as store:
        env = store.load()
        thing = env.get(object_ref(target))
    values = show_object(thing)
    options = options_of(thing)
    origins = _origins(env, thing, options) if everything and options is not None else {}
    if as_json:
        facts = _as_json(thing)
        if everything:
            facts["in-force"] = {key: value for key, (value, _) in origins.items()}
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    out.print(f"[bold]{escape(str(thing.ref))}[/]")
    for key, value in values.items():
        out.print(f"  {key} = {value}", markup=False)
    for key, (value, origin) in origins.items():
        if key not in values:
            out.print(f"  [dim]{key} = {escape(value)}  ({origin})[/]")
    if options is not None:
        notices = [notice for notice in env.notices() if notice.owner == str(thing.ref)]
        warn(notices)


def _origins(env: Environment, thing: AnyObject, options: OptionSet) -> dict[str, tuple[str, str]]:
    """Return every option in force with where it comes from."""
    outer = [("switch", env.switch.options), ("application", env.application.options)]
    if not isinstance(thing, DN):
        outer = outer[1:]
    found: dict[str, tuple[str, str]] = {}
    for name, option in options.schema.items():
        value = "***" if option.secret and options.in_force[name] else option.kind.text(options.in_force[name])
        origin = "default"
        for level, outer_options in outer:
            if name in outer_options.explicit:
                origin = f"from the {level}"
                break
        found[name] = (value, "set here" if name in options.explicit else origin)
    return found


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="Centres (.toml) or DNs (.cfg).", show_default=False)],
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
) -> None:
    """Check files without touching the store. Everything wrong is told, with its line.

    [bold]Examples[/]

      cordboard config validate centre.toml

      cordboard config validate --strict *.cfg
    """
    from cordboard.config import dn_cfg, toml

    bad = False
    for file in files:
        try:
            with reporting():
                if file.suffix.lower() == ".cfg":
                    notices = dn_cfg.loads(
                        file.read_bytes(), number=file.stem, realm="validate", file=str(file)
                    ).notices
                else:
                    notices = toml.load(file).notices
        except typer.Exit as stop:
            if stop.exit_code != EXIT_REFUSED:
                raise
            bad = True
            continue
        warn(notices)
        bad = bad or (strict and bool(notices))
        out.print(f"{escape(str(file))}: [green]good[/]" + (f", {len(notices)} warnings" if notices else ""))
    if bad:
        raise typer.Exit(EXIT_REFUSED)


@app.command()
def options(
    name: Annotated[str, typer.Argument(help="An option; none for all.")] = "",
    *,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/options.md.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Explain the options: what each means, what is allowed, where it can be set.

    [bold]Examples[/]

      cordboard config options

      cordboard config options no-answer-timeout
    """
    from cordboard.config.document import describe_all, markdown

    if as_markdown:
        typer.echo(markdown(), nl=False)
        return
    facts = describe_all()
    if name:
        known = sorted({str(fact["name"]) for fact in facts})
        wanted = next((n for n in known if n.replace("_", "-") == name.lower().replace("_", "-")), None)
        if wanted is None:
            with reporting():
                raise UnknownOptionError("Options", name, nearest(name, known))
        facts = [fact for fact in facts if fact["name"] == wanted]
    if as_json:
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    for fact in facts:
        later = "" if fact["since"] else "  [yellow]not yet in effect[/]"
        default = f" (default {fact['default']})" if fact["default"] else ""
        out.print(f"[bold]{fact['name']}[/]  [dim]{fact['level']}[/]{escape(default)}{later}")
        if name:
            out.print(f"  {escape(str(fact['meaning']))}")
            out.print(f"  allowed: {escape(str(fact['allowed']))}")


@app.command()
def history(
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Most lines.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show who changed what and when, the latest first. Values are not kept."""
    with opened() as store:
        entries = store.history(limit)
    if as_json:
        rows = [
            {
                "revision": e.revision, "at": e.at.isoformat(), "author": e.author, "change": e.change.value,
                "object": word(e.ref), "keys": list(e.keys),
            }
            for e in entries
        ]  # fmt: skip
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for e in entries:
        out.print(
            f"{e.revision:>5}  {e.at:%Y-%m-%d %H:%M:%S}Z  {e.author:<12} {e.change.value:<8} {e.ref}"
            f"  {' '.join(e.keys)}",
            markup=False,
        )
