"""The certificates of a server: which files, and whether their time has come or gone."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, cast

import structlog
from cryptography import x509

from cordboard import _core
from cordboard.config.listening_options import TlsOptions

FOLDER: Final = "tls"
"""Where ``cordboard tls init`` writes, within the state directory."""
CA: Final = "ca.pem"
CERTIFICATE: Final = "server.pem"
KEY: Final = "server.key"

WARN_DAYS: Final = 30
"""Days before the end of a certificate from which each start and reload says so."""

_log = structlog.get_logger("cordboard.runtime")


class TlsFilesError(ValueError):
    """The certificates cannot be used. ``reason`` names the file and says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"TLS: {reason}")
        self.reason = reason


def identities(options: TlsOptions, state: Path) -> Sequence[tuple[Path, Path]]:
    """Pairs of certificate and key; none where nothing is configured and nothing was made. Raises TlsFilesError."""
    certificates = [Path(name.strip()) for name in options.sip_tls_certificate.split(",") if name.strip()]
    keys = [Path(name.strip()) for name in options.sip_tls_key.split(",") if name.strip()]
    if len(certificates) != len(keys):
        raise TlsFilesError(
            f"sip-tls-certificate names {len(certificates)} files and sip-tls-key {len(keys)}; each needs the other"
        )
    if certificates:
        return list(zip(certificates, keys, strict=True))
    own = state / FOLDER
    return [(own / CERTIFICATE, own / KEY)] if (own / CERTIFICATE).exists() else []


def core_tls(options: TlsOptions, state: Path, *, renewed: bool = False) -> _core.Tls | None:
    """What the core is to use; None without any certificate.

    A certificate whose time is over is refused where it is to replace another (``renewed``), and told of otherwise: a
    server that does not start serves nobody. Raises TlsFilesError.
    """
    pairs = identities(options, state)
    if not pairs:
        return None
    for certificate, key in pairs:
        _judge(certificate, renewed=renewed)
        _judge_key(key)
    ca = options.sip_tls_ca
    if not ca and options.sip_tls_verify_client != "no" and (state / FOLDER / CA).exists():
        ca = str(state / FOLDER / CA)
    verify = cast("Literal['no', 'optional', 'required']", options.sip_tls_verify_client)
    return _core.Tls([(str(c), str(k)) for c, k in pairs], ca=ca or None, verify_client=verify)


def reload_tls(endpoint: _core.Endpoint, options: TlsOptions, state: Path) -> None:
    """Reads the certificates again, changed or not: their files may have been. Bad ones leave the old in place."""
    try:
        tls = core_tls(options, state, renewed=True)
        if tls is not None:
            endpoint.reload_tls(tls)
            _log.info("certificates read again")
    except ValueError as error:
        _log.error("certificates not read, the old ones stay", reason=str(error))


def valid_until(certificate: Path) -> dt.datetime:
    """The end of the first certificate in a file. Raises OSError or ValueError."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc


def _judge(certificate: Path, *, renewed: bool) -> None:
    try:
        end = valid_until(certificate)
    except OSError as error:
        raise TlsFilesError(f"cannot read {certificate}: {error.strerror or error}") from None
    except ValueError:
        raise TlsFilesError(f"{certificate} does not hold a PEM certificate") from None
    left = end - dt.datetime.now(dt.UTC)
    if left.total_seconds() <= 0:
        if renewed:
            raise TlsFilesError(f"{certificate} has expired on {end:%Y-%m-%d}")
        _log.error("certificate has expired, phones will refuse it", file=str(certificate), until=end.isoformat())
    elif left.days < WARN_DAYS:
        _log.warning("certificate expires soon", file=str(certificate), until=end.isoformat(), days=left.days)


def _judge_key(key: Path) -> None:
    try:
        mode = key.stat().st_mode
    except OSError as error:
        raise TlsFilesError(f"cannot read {key}: {error.strerror or error}") from None
    if mode & 0o077:
        _log.warning("others than its owner may read the key", file=str(key), mode=f"{mode & 0o777:o}")
