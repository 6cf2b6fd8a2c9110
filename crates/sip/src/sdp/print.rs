//! [`Session`] to text, in the order of RFC 8866 section 5.

use std::fmt::{Display, Formatter, Result, Write};

use super::{Attribute, Bandwidth, Connection, Media, Origin, Session, UnknownLine};

impl Session {
    /// The description as it goes into a body.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }
}

impl Display for Session {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("v=0\r\n")?;
        line(f, 'o', &self.origin)?;
        line(f, 's', self.name.as_str())?;
        lines(f, 'i', &self.info)?;
        lines(f, 'u', &self.uri)?;
        lines(f, 'e', &self.emails)?;
        lines(f, 'p', &self.phones)?;
        lines(f, 'c', &self.connection)?;
        lines(f, 'b', &self.bandwidths)?;
        if self.times.is_empty() {
            f.write_str("t=0 0\r\n")?;
        }
        for time in &self.times {
            line(f, 't', format_args!("{} {}", time.start, time.stop))?;
            lines(f, 'r', &time.repeats)?;
        }
        lines(f, 'z', &self.zones)?;
        lines(f, 'k', &self.key)?;
        lines(f, 'a', &self.attributes)?;
        unknown(f, &self.unknown)?;
        self.media.iter().try_for_each(|media| media.fmt(f))
    }
}

impl Display for Media {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut text = Clean(f);
        write!(text, "m={} {}", self.kind, self.port)?;
        if let Some(count) = self.port_count {
            write!(text, "/{count}")?;
        }
        write!(text, " {}", self.protocol)?;
        for format in &self.formats {
            write!(text, " {format}")?;
        }
        f.write_str("\r\n")?;
        lines(f, 'i', &self.info)?;
        lines(f, 'c', &self.connections)?;
        lines(f, 'b', &self.bandwidths)?;
        lines(f, 'k', &self.key)?;
        lines(f, 'a', &self.attributes)?;
        unknown(f, &self.unknown)
    }
}

impl Display for Origin {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} {} {} {}", self.username, self.session_id, self.version, self.connection)
    }
}

impl Display for Connection {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} {} {}", self.net_type, self.addr_type, self.address)
    }
}

impl Display for Bandwidth {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}:{}", self.kind, self.value)
    }
}

impl Display for Attribute {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.name)?;
        self.value.iter().try_for_each(|value| write!(f, ":{value}"))
    }
}

fn unknown(f: &mut Formatter<'_>, all: &[UnknownLine]) -> Result {
    all.iter().try_for_each(|unknown| line(f, unknown.letter, &unknown.value))
}

fn lines<'a, T: Display + 'a>(f: &mut Formatter<'_>, letter: char, values: impl IntoIterator<Item = &'a T>) -> Result {
    values.into_iter().try_for_each(|value| line(f, letter, value))
}

fn line(f: &mut Formatter<'_>, letter: char, value: impl Display) -> Result {
    write!(f, "{letter}=")?;
    write!(Clean(f), "{value}")?;
    f.write_str("\r\n")
}

/// Replaces line ends within a value by spaces, so that no value can add a line of its own.
struct Clean<'f, 'b>(&'f mut Formatter<'b>);

impl Write for Clean<'_, '_> {
    fn write_str(&mut self, text: &str) -> Result {
        for (at, part) in text.split(['\r', '\n']).enumerate() {
            if at > 0 {
                self.0.write_char(' ')?;
            }
            self.0.write_str(part)?;
        }
        Ok(())
    }
}
