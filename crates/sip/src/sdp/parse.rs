//! Text to [`Session`].

use std::borrow::Cow;

use super::{
    Attribute, Bandwidth, Connection, Media, Origin, SdpError, SdpErrorKind, SdpLimits, Session, SessionName, Timing,
    UnknownLine,
};

impl Session {
    /// Reads a description. A body that is not UTF-8 is read as Latin-1, which is what phones that send
    /// it mean.
    ///
    /// # Errors
    /// If it does not begin with `v=0`, has a line that is none or a value that cannot be read, or
    /// exceeds `limits`.
    pub fn parse(body: &[u8], limits: &SdpLimits) -> Result<Self, SdpError> {
        let fail = |kind, line| Err(SdpError { kind, line });
        if body.len() > limits.bytes {
            return fail(SdpErrorKind::TooLarge("bytes"), 1);
        }
        let text = match std::str::from_utf8(body) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(body.iter().map(|b| char::from(*b)).collect::<String>()),
        };
        let mut session = Session::default();
        let mut begun = false;
        for (at, line) in text.split('\n').enumerate() {
            let number = at + 1;
            let line = line.trim_end_matches(|c: char| c.is_ascii_whitespace() || c == '\0');
            if line.is_empty() {
                continue;
            }
            if at >= limits.lines {
                return fail(SdpErrorKind::TooLarge("lines"), number);
            }
            if line.len() > limits.line {
                return fail(SdpErrorKind::TooLarge("bytes in a line"), number);
            }
            let mut chars = line.chars();
            let (Some(letter), Some('=')) = (chars.next(), chars.next()) else {
                return fail(SdpErrorKind::Line, number);
            };
            if !letter.is_ascii_alphabetic() {
                return fail(SdpErrorKind::Line, number);
            }
            let value = chars.as_str();
            if !begun {
                if letter != 'v' || value.trim() != "0" {
                    return fail(SdpErrorKind::Version, number);
                }
                begun = true;
                continue;
            }
            let read = if letter == 'm' {
                session.begin_media(value, limits)
            } else if let Some(media) = session.media.last_mut() {
                media.take(letter, value)
            } else {
                session.take(letter, value)
            };
            if let Err(kind) = read {
                return fail(kind.unwrap_or(SdpErrorKind::Value(letter)), number);
            }
        }
        if begun { Ok(session) } else { fail(SdpErrorKind::Version, 1) }
    }

    fn begin_media(&mut self, value: &str, limits: &SdpLimits) -> Read {
        if self.media.len() == limits.media {
            return Err(Some(SdpErrorKind::TooLarge("media")));
        }
        let mut words = value.split_ascii_whitespace();
        let (Some(kind), Some(port), Some(protocol)) = (words.next(), words.next(), words.next()) else {
            return Err(None);
        };
        let (port, count) = port.split_once('/').map_or((port, None), |(p, c)| (p, Some(c)));
        let port_count = count.map(number).transpose()?;
        let port = number(port)?;
        let formats: Vec<String> = words.take(limits.formats + 1).map(str::to_owned).collect();
        if formats.len() > limits.formats {
            return Err(Some(SdpErrorKind::TooLarge("formats")));
        }
        let (kind, protocol) = (kind.to_owned(), protocol.to_owned());
        self.media.push(Media { kind, port, port_count, protocol, formats, ..Media::default() });
        Ok(())
    }

    fn take(&mut self, letter: char, value: &str) -> Read {
        match letter {
            // A second v= is noise.
            'v' => {}
            'o' => self.origin = origin(value)?,
            's' => self.name = SessionName::new(value),
            'i' => self.info = Some(value.to_owned()),
            'u' => self.uri = Some(value.to_owned()),
            'e' => self.emails.push(value.to_owned()),
            'p' => self.phones.push(value.to_owned()),
            'c' => self.connection = Some(connection(value)?),
            'b' => self.bandwidths.push(bandwidth(value)?),
            't' => self.times.push(timing(value)?),
            'r' => match self.times.last_mut() {
                Some(timing) => timing.repeats.push(value.to_owned()),
                None => return Err(None),
            },
            'z' => self.zones = Some(value.to_owned()),
            'k' => self.key = Some(value.to_owned()),
            'a' => self.attributes.push(attribute(value)?),
            _ => self.unknown.push(UnknownLine { letter, value: value.to_owned() }),
        }
        Ok(())
    }
}

impl Media {
    fn take(&mut self, letter: char, value: &str) -> Read {
        match letter {
            'i' => self.info = Some(value.to_owned()),
            'c' => self.connections.push(connection(value)?),
            'b' => self.bandwidths.push(bandwidth(value)?),
            'k' => self.key = Some(value.to_owned()),
            'a' => self.attributes.push(attribute(value)?),
            _ => self.unknown.push(UnknownLine { letter, value: value.to_owned() }),
        }
        Ok(())
    }
}

/// `Err(None)` says that the value of the line cannot be read.
type Read<T = ()> = Result<T, Option<SdpErrorKind>>;

fn number(text: &str) -> Read<u16> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(None);
    }
    text.parse().map_err(|_| None)
}

fn origin(value: &str) -> Read<Origin> {
    let words: Vec<&str> = value.split_ascii_whitespace().collect();
    // A user name with spaces is not allowed and is met all the same.
    let [user @ .., session_id, version, net_type, addr_type, address] = &words[..] else { return Err(None) };
    let username = if user.is_empty() { "-".to_owned() } else { user.join("_") };
    let connection = Connection {
        net_type: (*net_type).to_owned(),
        addr_type: (*addr_type).to_owned(),
        address: (*address).to_owned(),
    };
    Ok(Origin { username, session_id: (*session_id).to_owned(), version: (*version).to_owned(), connection })
}

fn connection(value: &str) -> Read<Connection> {
    let mut words = value.split_ascii_whitespace().map(str::to_owned);
    let (Some(net_type), Some(addr_type), Some(address), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(None);
    };
    Ok(Connection { net_type, addr_type, address })
}

fn bandwidth(value: &str) -> Read<Bandwidth> {
    let (kind, value) = value.split_once(':').ok_or(None)?;
    let (kind, value) = (kind.trim(), value.trim());
    if kind.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
        return Err(None);
    }
    Ok(Bandwidth { kind: kind.to_owned(), value: value.parse().map_err(|_| None)? })
}

fn timing(value: &str) -> Read<Timing> {
    let mut words = value.split_ascii_whitespace().map(|w| w.parse::<u64>().map_err(|_| None));
    match (words.next(), words.next()) {
        (Some(start), Some(stop)) => Ok(Timing { start: start?, stop: stop?, repeats: Vec::new() }),
        _ => Err(None),
    }
}

fn attribute(value: &str) -> Read<Attribute> {
    let (name, value) = value.split_once(':').map_or((value, None), |(n, v)| (n, Some(v)));
    let name = name.trim_ascii();
    if name.is_empty() {
        return Err(None);
    }
    Ok(Attribute { name: name.to_owned(), value: value.map(str::to_owned) })
}
