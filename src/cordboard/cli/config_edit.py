"""The commands of ``cordboard config`` that change: init, import, export, set, unset, add, remove."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cordboard.cli.config_io import (
    EXIT_REFUSED,
    ObjectArgument,
    YesOption,
    app,
    assignments,
    author,
    complete_assignment,
    complete_key,
    complete_object,
    fail,
    object_ref,
    opened,
    out,
    print_changes,
    print_stale,
    warn,
)
from cordboard.config.assemble import PASSWORD, canonical, keys, read_object, write_object
from cordboard.config.environment import Change, ChangeKind, Environment
from cordboard.config.errors import UnknownOptionError, nearest
from cordboard.config.objects import DN, AnyObject, ObjectKind, ObjectRef
from cordboard.config.optionset import DnType
from cordboard.config.secret import Secret, generate_password
from cordboard.files import write_whole

if TYPE_CHECKING:
    from cordboard.config.store import Store


@app.command()
def init(
    *,
    sample: Annotated[
        bool, typer.Option("--sample", help="Four phones 1501 to 1504 and two agents to play with.")
    ] = False,
    realm: Annotated[
        str, typer.Option("--realm", help="Host part of addresses, and realm of passwords.")
    ] = "cordboard.example",
) -> None:
    """Make a new centre in an empty store. Generated passwords are shown once, here.

    [bold]Examples[/]

      cordboard config init --sample

      cordboard config init --realm voice.example.org
    """
    from cordboard.config import sample as samples
    from cordboard.config import toml

    with opened(change=True) as store:
        if not store.is_empty():
            fail(f"the store {store.name} already holds a centre; to replace it: cordboard config import FILE")
        if sample:
            made = samples.generate(realm=realm)
            env = made.environment()
            passwords = {**made.sip_passwords, **made.agent_passwords, **made.person_passwords}
        else:
            secret = generate_password()
            text = f'[switch]\nname = "main"\nrealm = {json.dumps(realm)}\n[person.admin]\nrole = "administrator"\n'
            env = toml.loads(text + f'password = "{secret}"\n', file="--realm").environment
            passwords = {"admin": Secret(secret)}
        store.replace(env, author=author())
        out.print(f"A new centre is in {store.name}. Passwords, shown only now:")
        for thing in env.objects():
            if thing.ref.name in passwords:
                out.print(f"  {thing.ref!s:<18} {passwords[thing.ref.name].reveal()}", markup=False)


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="A centre (.toml), or the options of one DN (.cfg).", show_default=False)
    ],
    *,
    number: Annotated[str, typer.Option("--number", help="DN of a .cfg file; default: the file's name.")] = "",
    dn_type: Annotated[str, typer.Option("--type", help="Type of a new DN of a .cfg file.")] = "Extension",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show what would change, and change nothing.")
    ] = False,
    yes: YesOption = False,
) -> None:
    """Take over a file: a whole centre, which replaces the one in the store, or the options of one DN.

    The file is checked as a whole first; whatever is wrong is told with its line, and nothing is changed.

    [bold]Examples[/]

      cordboard config import centre.toml --dry-run

      cordboard config import centre.toml

      cordboard config import 1502.cfg
    """
    from cordboard.config import toml

    with opened(change=not dry_run) as store:
        old = None if store.is_empty() else store.load()
        if file.suffix.lower() == ".cfg":
            if old is None:
                fail(f"the store {store.name} holds no centre yet; begin with: cordboard config init")
            new = old.applied([Change.put(_cfg_dn(file, number or file.stem, dn_type, old))])
        else:
            centre = toml.load(file, previous=old)
            warn(centre.notices)
            new = centre.environment
        changes = _differences(old, new)
        print_changes(changes)
        removed = sum(change.kind is ChangeKind.REMOVED for change in changes)
        if dry_run or not changes:
            out.print("Nothing was changed." if changes else "Nothing to change.")
            return
        if removed and not yes and not typer.confirm(f"{removed} objects will be removed. Go on?", err=True):
            raise typer.Exit(EXIT_REFUSED)
        store.replace(new, expected=old.revision if old else None, author=author())
        print_stale(new)


def _differences(old: Environment | None, new: Environment) -> list[Change]:
    if old is None:
        return [Change(ChangeKind.ADDED, thing.ref, None, thing) for thing in new.objects()]
    return Environment.diff(old, new)


def _cfg_dn(file: Path, number: str, dn_type: str, env: Environment) -> DN:
    """Read a ``.cfg`` file; a DN that exists keeps its type and name, and its password if the file has none."""
    from cordboard.config import dn_cfg

    existing = env.dn(number)
    typed = read_object(ObjectKind.DN, number, {"type": dn_type})
    found = dn_cfg.loads(
        file.read_bytes(),
        number=number,
        realm=env.switch.realm,
        dn_type=existing.type if existing else typed.type if isinstance(typed, DN) else DnType.EXTENSION,
        display_name=existing.display_name if existing else "",
        file=str(file),
    )
    warn(found.notices)
    if existing is None or found.dn.digests or not existing.digests:
        return found.dn
    kept = {key: text for key, text in existing.options.texts().items() if key.startswith("password-")}
    return DN(
        number=number,
        type=found.dn.type,
        display_name=found.dn.display_name,
        options=found.dn.options.changed(kept, str(found.dn.ref)),
    )


@app.command()
def export(
    target: Annotated[
        str,
        typer.Argument(
            metavar="[DN]", help="A DN to export as .cfg; none: the whole centre.", autocompletion=complete_object
        ),
    ] = "",
    *,
    file: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write, readable by you only; default: print.")
    ] = None,
) -> None:
    """Write the centre as one TOML file, or one DN as a .cfg file. Passwords go out as hashes: keep the file secret.

    [bold]Examples[/]

      cordboard config export -o centre.toml

      cordboard config export 1502 -o 1502.cfg
    """
    from cordboard.config import dn_cfg, toml

    with opened() as store:
        env = store.load()
        thing = env.get(object_ref(target)) if target else None
        if thing is not None and not isinstance(thing, DN):
            fail(f"{thing.ref} is no DN: only a DN has a .cfg file")
        text = toml.dumps(env) if thing is None else dn_cfg.dumps(thing)
        if file is None:
            typer.echo(text, nl=False)
        else:
            write_whole(file, text.encode())


@app.command("set")
def set_(
    target: ObjectArgument,
    items: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", autocompletion=complete_assignment)],
) -> None:
    """Set options or fields of an object. All or none: a bad value changes nothing.

    password=- asks for the password instead of having it in the shell's history.

    [bold]Examples[/]

      cordboard config set 1501 max-calls=2 no-answer-timeout=20

      cordboard config set switch no-answer-timeout=30

      cordboard config set person:alice password=-
    """
    ref = object_ref(target)
    with opened(change=True) as store:
        env = store.load()
        thing = env.get(ref)
        texts = write_object(thing)
        given = assignments(thing.ref, items)
        _refuse_unknown(thing.ref, given)
        _change(store, env, thing, texts | given)


def _refuse_unknown(ref: ObjectRef, given: dict[str, str]) -> None:
    """Refuse a key nobody knows: a file may bring one along, here it is a slip of the fingers (unless it is x-...)."""
    for key in given:
        if key not in keys(ref.kind) and not key.startswith("x-"):
            raise UnknownOptionError(str(ref), key, nearest(key, keys(ref.kind)))


def _change(store: "Store", env: Environment, thing: AnyObject, texts: dict[str, str]) -> None:
    if PASSWORD in texts:
        texts = {k: v for k, v in texts.items() if not k.startswith("password-")}
    realm = texts.get("realm", env.switch.realm) if thing.ref.kind is ObjectKind.SWITCH else env.switch.realm
    single = thing.ref.kind in {ObjectKind.APPLICATION, ObjectKind.SWITCH}
    after = read_object(thing.ref.kind, "" if single else thing.ref.name, texts, realm=realm)
    new = store.apply([Change.put(after)], expected=env.revision, author=author())
    print_changes(Environment.diff(env, new))
    if realm != env.switch.realm:
        print_stale(new)


@app.command()
def unset(
    target: ObjectArgument,
    names: Annotated[list[str], typer.Argument(metavar="KEY...", autocompletion=complete_key)],
) -> None:
    """Take options of an object away: what it inherits, or the default, is in force again.

    [bold]Examples[/]

      cordboard config unset 1501 max-calls

      cordboard config unset 1501 password
    """
    with opened(change=True) as store:
        env = store.load()
        thing = env.get(object_ref(target))
        texts = write_object(thing)
        for name in names:
            key = canonical(thing.ref.kind, name)
            if key == PASSWORD:
                texts = {k: v for k, v in texts.items() if not k.startswith("password-")}
            elif key in texts:
                del texts[key]
            elif key not in keys(thing.ref.kind):
                raise UnknownOptionError(str(thing.ref), name, nearest(name, [*texts, *keys(thing.ref.kind)]))
        _change(store, env, thing, texts)


@app.command()
def add(
    target: ObjectArgument,
    items: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE...]", autocompletion=complete_assignment)
    ] = None,
    *,
    generate: Annotated[
        bool, typer.Option("--generate-password", "-g", help="Give it a password and show it once.")
    ] = False,
) -> None:
    """Add an object.

    [bold]Examples[/]

      cordboard config add 1505 --generate-password authenticate-requests=register,invite

      cordboard config add dn:Trunk_1 type=Trunk contact=sip:192.0.2.1

      cordboard config add person:carol role=supervisor password=-
    """
    ref = object_ref(target)
    secret = generate_password() if generate else ""
    with opened(change=True) as store:
        env = store.load()
        if any(thing.ref == ref for thing in env.objects()) or ref.kind in {ObjectKind.APPLICATION, ObjectKind.SWITCH}:
            fail(f"{ref} exists already; to change it: cordboard config set {target} KEY=VALUE")
        given = assignments(ref, items or [])
        if secret:
            given[PASSWORD] = secret
        _refuse_unknown(ref, given)
        thing = read_object(ref.kind, ref.name, given, realm=env.switch.realm)
        new = store.apply([Change.put(thing)], expected=env.revision, author=author())
        print_changes(Environment.diff(env, new))
        if secret:
            out.print(f"password, shown only now: {secret}", markup=False)


@app.command()
def remove(
    targets: Annotated[list[str], typer.Argument(metavar="OBJECT...", autocompletion=complete_object)],
    *,
    yes: YesOption = False,
) -> None:
    """Remove objects, all or none. What still names one of them must go too, or be changed before.

    [bold]Examples[/]

      cordboard config remove 1505

      cordboard config remove person:carol agent-login:5003 --yes
    """
    with opened(change=True) as store:
        env = store.load()
        refs = [env.get(object_ref(target)).ref for target in targets]
        single = next((ref for ref in refs if ref.kind in {ObjectKind.APPLICATION, ObjectKind.SWITCH}), None)
        if single is not None:
            fail(f"{single} cannot be removed")
        if not yes and not typer.confirm(f"Remove {', '.join(map(str, refs))}?", err=True):
            raise typer.Exit(EXIT_REFUSED)
        new = store.apply([Change.remove(ref) for ref in refs], expected=env.revision, author=author())
        print_changes(Environment.diff(env, new))
