//! Programs of other people that judge what we make.

use std::io::Write;
use std::process::{Command, Stdio};

/// Runs a program on an input; `None` if it is not installed.
pub(crate) fn run(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut child = match Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    {
        Ok(child) => child,
        Err(error) => {
            eprintln!("{program}: {error}; not judged");
            return None;
        }
    };
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {complaint}");
    // That the sizes in what came by a pipe are wrong is what one of the tests wants.
    let odd = |line: &str| line.contains("WARN") && !line.contains("can't seek") && !line.contains("Premature EOF");
    assert!(!complaint.lines().any(odd), "{program} {arguments:?}: {complaint}");
    Some(output.stdout)
}

/// What programs give, as samples.
pub(crate) fn samples(raw: &[u8]) -> Vec<i16> {
    raw.chunks_exact(2).map(|c| i16::from_le_bytes([c[0], c[1]])).collect()
}
