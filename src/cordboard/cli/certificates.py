"""An authority of one's own and what it signs."""

import contextlib
import datetime as dt
import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cordboard.files import write_whole
from cordboard.runtime.tls import CA, CERTIFICATE, FOLDER, KEY

CA_KEY: Final = "ca.key"
CA_DAYS: Final = 3650
_SKEW: Final = dt.timedelta(hours=1)
"""Certificates begin this long ago: clocks of phones are not exact."""
_HOST: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class BadHostError(ValueError):
    """Neither a name nor an address. ``host`` is it."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host!r} is neither a host name nor an address")
        self.host = host


@dataclass(frozen=True, slots=True)
class Made:
    """What there is now."""

    ca: Path
    ca_kept: bool
    """The phones have it already."""
    certificate: Path
    key: Path
    hosts: Sequence[str]
    until: dt.datetime


def make(state: Path, *, hosts: Sequence[str], days: int, rsa: bool, new_ca: bool) -> Made:
    """Writes a certificate for ``hosts``, signed by the state directory's own root, which is made if need be.

    Raises BadHostError, OSError, or ValueError when the root that is there cannot be used.
    """
    named = list(dict.fromkeys(hosts or own_hosts()))
    names = [_general_name(host) for host in named]
    folder = state / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = (folder / CA).exists() and (folder / CA_KEY).exists() and not new_ca
    if kept:
        ca, ca_key = _read_ca(folder)
    else:
        ca, ca_key = _make_ca(rsa=rsa)
        write_whole(folder / CA_KEY, _key_pem(ca_key))
        write_whole(folder / CA, _pem(ca), 0o644)
    key = _new_key(rsa=rsa)
    certificate = _issue(ca, ca_key, key, named[0], names, days)
    # The key first: a server that reads in between finds a pair that does not fit and keeps the old one.
    write_whole(folder / KEY, _key_pem(key))
    write_whole(folder / CERTIFICATE, _pem(certificate), 0o644)
    return Made(folder / CA, kept, folder / CERTIFICATE, folder / KEY, named, certificate.not_valid_after_utc)


def own_hosts() -> list[str]:
    """This machine's names and addresses, as far as they can be known without asking anybody."""
    found = [socket.gethostname(), "localhost"]
    for family, far, near in (
        (socket.AF_INET, "192.0.2.1", "127.0.0.1"),
        (socket.AF_INET6, "2001:db8::1", "::1"),
    ):
        # Connecting a datagram socket sends nothing; it tells the address the kernel would send from.
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((far, 9))
            found.append(sock.getsockname()[0])
        found.append(near)
    return [host for host in found if _is_host(host)]


def _is_host(host: str) -> bool:
    try:
        _general_name(host)
    except BadHostError:
        return False
    return True


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        pass
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise BadHostError(host)
    return x509.DNSName(host.lower())


def _new_key(*, rsa: bool) -> PrivateKey:
    return _rsa_key() if rsa else ec.generate_private_key(ec.SECP256R1())


def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _make_ca(*, rsa: bool) -> tuple[x509.Certificate, PrivateKey]:
    key = _new_key(rsa=rsa)
    now = dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Cordboard CA of {socket.gethostname()}"[:64])])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + dt.timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def _issue(
    ca: x509.Certificate,
    ca_key: PrivateKey,
    key: PrivateKey,
    subject: str,
    names: Sequence[x509.GeneralName],
    days: int,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    end = min(now + dt.timedelta(days=days), ca.not_valid_after_utc)
    if end <= now:
        raise ValueError("the CA has expired; make a new one with --new-ca")
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject[:64])]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        # Both ends: a server that calls another shows the same certificate (RFC 5922 section 6).
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issuer, critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _read_ca(folder: Path) -> tuple[x509.Certificate, PrivateKey]:
    certificate = x509.load_pem_x509_certificate((folder / CA).read_bytes())
    key = serialization.load_pem_private_key((folder / CA_KEY).read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError(f"{folder / CA_KEY} holds neither an EC nor an RSA key")  # noqa: TRY004 - a file, not a type
    if key.public_key() != certificate.public_key():
        raise ValueError(f"{folder / CA_KEY} is not the key of {folder / CA}")
    return certificate, key


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
