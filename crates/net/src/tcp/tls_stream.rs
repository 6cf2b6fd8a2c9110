//! TLS over one TCP connection, without ever waiting: rustls turns bytes into bytes, the engine's
//! loop says when to read and when to write.

use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, Connection, Error, HandshakeKind, InvalidMessage, PeerMisbehaved,
    ProtocolVersion, ServerConfig, ServerConnection,
};

use super::connection::End;
use super::stream::Trouble;
use crate::counters::{Counter, Counters};

/// Plaintext and records that may wait within rustls; more waits outside, where it is counted.
const BUFFER_LIMIT: usize = 65_536;
/// Reads of the socket that may bring no message before others have their turn: a peer can send
/// empty records and key updates without end.
const READS_PER_TURN: usize = 16;

/// Why TLS ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TlsEnd {
    /// What came is no TLS, or not at that place.
    Garbage,
    /// A record or a handshake message beyond what TLS allows.
    Oversized,
    /// No version, cipher or signature in common.
    Incompatible,
    /// The peer would not have us: an alert.
    Refused,
    /// A certificate is required and none was shown.
    NoCertificate,
    /// A certificate that is valid no longer, or not yet.
    Expired,
    /// A certificate nobody we believe has signed.
    Untrusted,
    /// A certificate of somebody else.
    WrongName,
    /// Any other fault of a certificate.
    BadCertificate,
    /// A new handshake on an old connection (RFC 5746).
    Renegotiation,
    /// The handshake took too long.
    TooSlow,
    /// The peer left during the handshake.
    Left,
}

impl TlsEnd {
    pub(super) fn counter(self, counters: &Counters) -> &Counter {
        match self {
            Self::Garbage => &counters.tls_garbage,
            Self::Oversized => &counters.tls_oversized,
            Self::Incompatible => &counters.tls_incompatible,
            Self::Refused => &counters.tls_refused_by_peer,
            Self::NoCertificate => &counters.tls_no_certificate,
            Self::Expired => &counters.tls_certificate_expired,
            Self::Untrusted => &counters.tls_certificate_untrusted,
            Self::WrongName => &counters.tls_certificate_wrong_name,
            Self::BadCertificate => &counters.tls_certificate_bad,
            Self::Renegotiation => &counters.tls_renegotiation,
            Self::TooSlow => &counters.tls_handshake_too_slow,
            Self::Left => &counters.tls_handshake_left,
        }
    }
}

impl TlsEnd {
    /// For people, of a peer that we called.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Garbage => "no TLS there",
            Self::Oversized => "a TLS record too large",
            Self::Incompatible => "no TLS version or cipher in common",
            Self::Refused => "TLS refused by the peer",
            Self::NoCertificate => "no certificate shown",
            Self::Expired => "certificate expired or not valid yet",
            Self::Untrusted => "certificate not trusted",
            Self::WrongName => "certificate of another name",
            Self::BadCertificate => "certificate not acceptable",
            Self::Renegotiation => "TLS renegotiation",
            Self::TooSlow => "TLS handshake too slow",
            Self::Left => "connection lost during the TLS handshake",
        }
    }
}

impl From<&Error> for TlsEnd {
    fn from(error: &Error) -> Self {
        match error {
            Error::AlertReceived(_) => Self::Refused,
            Error::PeerIncompatible(_) | Error::NoApplicationProtocol => Self::Incompatible,
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::PeerSentOversizedRecord
            | Error::InvalidMessage(
                InvalidMessage::MessageTooLarge
                | InvalidMessage::HandshakePayloadTooLarge
                | InvalidMessage::CertificatePayloadTooLarge,
            ) => Self::Oversized,
            Error::PeerMisbehaved(PeerMisbehaved::TooManyRenegotiationRequests) => Self::Renegotiation,
            Error::InvalidCertificate(error) => Self::from(error),
            _ => Self::Garbage,
        }
    }
}

impl From<&CertificateError> for TlsEnd {
    fn from(error: &CertificateError) -> Self {
        use CertificateError as E;
        match error {
            E::Expired | E::ExpiredContext { .. } | E::NotValidYet | E::NotValidYetContext { .. } => Self::Expired,
            E::UnknownIssuer | E::BadSignature => Self::Untrusted,
            E::NotValidForName | E::NotValidForNameContext { .. } => Self::WrongName,
            _ => Self::BadCertificate,
        }
    }
}

/// How a handshake stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shake {
    /// More of it is awaited.
    Going,
    /// It is done; `resumed` tells whether an earlier session spared most of it.
    Done {
        /// See above.
        resumed: bool,
    },
}

pub(super) struct TlsStream {
    socket: TcpStream,
    session: Connection,
    /// The name the peer has to prove, where we called it.
    name: Option<ServerName<'static>>,
    failed: bool,
}

impl TlsStream {
    pub(super) fn server(socket: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Self::new(socket, session.into(), None))
    }

    pub(super) fn client(socket: TcpStream, config: Arc<ClientConfig>, name: ServerName<'static>) -> io::Result<Self> {
        let session = ClientConnection::new(config, name.clone()).map_err(io::Error::other)?;
        Ok(Self::new(socket, session.into(), Some(name)))
    }

    fn new(socket: TcpStream, mut session: Connection, name: Option<ServerName<'static>>) -> Self {
        session.set_buffer_limit(Some(BUFFER_LIMIT));
        Self { socket, session, name, failed: false }
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    pub(super) fn socket_mut(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// The name the peer has to prove, or has proved once the handshake is done.
    pub(super) fn name(&self) -> Option<&ServerName<'static>> {
        self.name.as_ref()
    }

    /// Takes the handshake as far as it goes with what has come.
    pub(super) fn handshake(&mut self) -> Result<Shake, Trouble> {
        if self.session.is_handshaking() {
            if !self.take_in()? {
                return Err(Trouble::Ended(End::Tls(TlsEnd::Left)));
            }
            self.flush_quietly()?;
        }
        if self.session.is_handshaking() {
            return Ok(Shake::Going);
        }
        Ok(Shake::Done { resumed: self.session.handshake_kind() == Some(HandshakeKind::Resumed) })
    }

    /// Reads from the socket once; false if the peer has closed it.
    fn take_in(&mut self) -> Result<bool, Trouble> {
        let quiet = !self.session.is_handshaking() && !self.session.wants_write();
        if self.session.read_tls(&mut self.socket)? == 0 {
            return Ok(false);
        }
        if let Err(error) = self.session.process_new_packets() {
            self.failed = true;
            return Err(Trouble::Ended(End::Tls(TlsEnd::from(&error))));
        }
        // After the handshake of TLS 1.2 rustls says something of its own accord only to refuse
        // another one.
        let tls12 = self.session.protocol_version() == Some(ProtocolVersion::TLSv1_2);
        if quiet && tls12 && self.session.wants_write() {
            return Err(Trouble::Ended(End::Tls(TlsEnd::Renegotiation)));
        }
        Ok(true)
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        for _ in 0..READS_PER_TURN {
            match self.session.reader().read(buffer) {
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Closed without TLS' own good-bye, as many phones do. Where a message ends is told
                // by SIP, so nothing can be cut off unseen.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) => return Err(error.into()),
            }
            // Of the end of the stream the reader tells.
            self.take_in()?;
            self.flush_quietly()?;
        }
        Err(Trouble::Again)
    }

    pub(super) fn write(&mut self, slices: &[IoSlice<'_>]) -> Result<usize, Trouble> {
        let taken = self.session.writer().write_vectored(slices)?;
        self.flush_quietly()?;
        Ok(taken)
    }

    pub(super) fn has_pending(&self) -> bool {
        self.session.wants_write()
    }

    pub(super) fn flush(&mut self) -> Result<(), Trouble> {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.socket)?;
        }
        Ok(())
    }

    /// As [`Self::flush`]; what the socket does not take waits, and is asked for by `has_pending`.
    fn flush_quietly(&mut self) -> Result<(), Trouble> {
        match self.flush() {
            Err(Trouble::Blocked | Trouble::Again) => Ok(()),
            other => other,
        }
    }

    pub(super) fn farewell(&mut self) {
        if !self.failed && !self.session.is_handshaking() {
            self.session.send_close_notify();
        }
        // The last chance for an alert too; a peer that does not take it will see the connection end.
        let _ = self.flush();
    }
}
