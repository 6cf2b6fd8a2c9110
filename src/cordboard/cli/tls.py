"""``cordboard tls``: an authority and a certificate of one's own."""

from typing import TYPE_CHECKING, Annotated

import typer

from cordboard.cli.link import StateOption, fail, out
from cordboard.runtime.state import default_state

if TYPE_CHECKING:
    from cordboard.cli.certificates import Made

app = typer.Typer(
    name="tls",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="Certificates for SIP over TLS.",
)


@app.callback()
def root() -> None:
    """Certificates for SIP over TLS."""


@app.command()
def init(
    *,
    host: Annotated[
        list[str] | None,
        typer.Option(
            "--host", help="Name or address phones know this server by; repeatable. Default: this machine's own."
        ),
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=825, help="Days the certificate is valid.")] = 397,
    rsa: Annotated[bool, typer.Option("--rsa", help="RSA keys, for old phones that know no ECDSA.")] = False,
    new_ca: Annotated[
        bool, typer.Option("--new-ca", help="Make a new authority too; every phone must then be given it.")
    ] = False,
    state: StateOption = None,
) -> None:
    """Make a root CA, unless there is one, and a server certificate signed by it.

    Both go to the directory tls of the state directory, where the server finds them. Run it again to renew the
    certificate: phones keep the CA they have, a running server takes the new one on SIGHUP.

    [bold]Examples[/]

      cordboard tls init

      cordboard tls init --host sip.example.com --host 192.0.2.10
    """
    # The library takes its time to load.
    from cordboard.cli.certificates import BadHostError, make

    try:
        made = make((state or default_state()).absolute(), hosts=host or (), days=days, rsa=rsa, new_ca=new_ca)
    except BadHostError as error:
        fail(str(error), 64)
    except (OSError, ValueError) as error:
        fail(f"cannot make certificates: {error}", 73)
    _explain(made)


def _explain(made: "Made") -> None:
    print_ = out.print
    print_(f"[green]CA[/]          {made.ca}" + ("  (kept)" if made.ca_kept else "  (new: give it to the phones)"))
    print_(f"[green]Certificate[/] {made.certificate}  until {made.until:%Y-%m-%d}, for {', '.join(made.hosts)}")
    print_(f"[green]Key[/]         {made.key}  (keep it here)\n")
    print_("Listen on TLS:   cordboard up --listen udp:0.0.0.0:5060 --listen tls:0.0.0.0:5061")
    print_("                 or the option sip-listen; a server that does already: send it SIGHUP\n")
    print_("Give phones the CA, never a key:")
    print_(f"  baresip        in config: sip_cafile {made.ca}")
    print_(f"                 in accounts: <sip:1001@{made.hosts[0]};transport=tls>")
    print_(f"  linphone       root_ca={made.ca} in \\[sip] of linphonerc")
    print_("  desk phones    upload ca.pem as trusted certificate, transport TLS, port 5061")
    print_(f"  check it       openssl s_client -connect {made.hosts[0]}:5061 -CAfile {made.ca}")
