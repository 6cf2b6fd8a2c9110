//! Pages of Ogg (RFC 3533 6), by their headers alone: where each stream of a chain begins and ends, and where a file was
//! cut off.

use std::io::{self, Read, Seek, SeekFrom};

/// A page of the greatest size: how far from the end of a file the beginning of the last lies at most.
const LONGEST: u64 = 65_307;
const HEADER: usize = 27;
/// In a page's flags: a stream begins with it.
const BEGINS: u8 = 2;
/// Streams in a chain; what is behind is not read.
const MOST_LINKS: usize = 10_000;

/// The serial number of a page and the position it says.
type Said = (u32, u64);

/// What the header of a page says.
struct Page {
    begins: bool,
    serial: u32,
    /// Where the last packet that ends in it ends; none if none does.
    position: Option<u64>,
    /// Octets of it all.
    length: usize,
}

impl Page {
    /// That which the octets begin with; it may be longer than they are.
    fn parse(octets: &[u8]) -> Option<Self> {
        let header: &[u8; HEADER] = octets.first_chunk()?;
        if !header.starts_with(b"OggS\0") {
            return None;
        }
        let segments = octets.get(HEADER..HEADER + usize::from(header[26]))?;
        let body: usize = segments.iter().map(|segment| usize::from(*segment)).sum();
        let position = u64::from_le_bytes(header[6..14].try_into().ok()?);
        Some(Self {
            begins: header[5] & BEGINS != 0,
            serial: u32::from_le_bytes(header[14..18].try_into().ok()?),
            position: (position != u64::MAX).then_some(position),
            length: HEADER + segments.len() + body,
        })
    }
}

/// Where the streams begin that are chained, each with the serial number and position of the last page before the next
/// begins, as far as that page says one. Streams side by side are one.
pub(super) fn chain<R: Read + Seek>(inner: &mut R) -> io::Result<Vec<(u64, Option<Said>)>> {
    inner.seek(SeekFrom::Start(0))?;
    let first = next(inner)?;
    let (last, _) = last(inner)?;
    // The numbers of a chain are all different (RFC 3533 4): most files are not walked through.
    if first.is_none_or(|first| last.is_none_or(|(serial, _)| serial == first.serial)) {
        return Ok(vec![(0, last)]);
    }
    let mut links: Vec<(u64, Option<Said>)> = Vec::new();
    let (mut at, mut beginning) = (0, false);
    while let Some(page) = {
        inner.seek(SeekFrom::Start(at))?;
        next(inner)?
    } {
        if page.begins && !beginning {
            if links.len() == MOST_LINKS {
                break;
            }
            links.push((at, None));
        }
        beginning = page.begins;
        if let (Some((_, last)), Some(position)) = (links.last_mut(), page.position) {
            *last = Some((page.serial, position));
        }
        at += page.length as u64;
    }
    if links.is_empty() {
        links.push((0, last));
    }
    Ok(links)
}

/// The page that begins here.
fn next<R: Read>(inner: &mut R) -> io::Result<Option<Page>> {
    let mut header = Vec::with_capacity(HEADER + 255);
    inner.take(HEADER as u64 + 255).read_to_end(&mut header)?;
    Ok(Page::parse(&header))
}

/// The serial number and position of the last page that says one, and how long the file is up to the end of its last page
/// that is whole.
fn last<R: Read + Seek>(inner: &mut R) -> io::Result<(Option<Said>, u64)> {
    let length = inner.seek(SeekFrom::End(0))?;
    let start = length.saturating_sub(LONGEST);
    inner.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    inner.take(LONGEST).read_to_end(&mut tail)?;
    let (mut said, mut end) = (None, 0);
    for at in (0..tail.len()).rev() {
        let Some(page) = Page::parse(&tail[at..]).filter(|page| at + page.length <= tail.len()) else { continue };
        end = end.max(start + (at + page.length) as u64);
        said = page.position.map(|position| (page.serial, position));
        if said.is_some() {
            break;
        }
    }
    Ok((said, end))
}

/// How long a file is up to the end of its last page that is whole: what a crash left of the one behind it is no sound.
/// Nothing if it is not Ogg.
///
/// # Errors
/// What reading gives.
pub fn whole<R: Read + Seek>(inner: &mut R) -> io::Result<u64> {
    inner.seek(SeekFrom::Start(0))?;
    if next(inner)?.is_none() {
        return Ok(0);
    }
    last(inner).map(|(_, end)| end)
}
