//! Serving the figures, one request after the other.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use super::{super::error::CliError, figures::Figures};

/// How long a collector may take to ask and to listen.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes of a request.
const REQUEST_BYTES_MAX: u64 = 16 << 10;

/// Serves `/metrics` on a thread of its own until the program ends, and says where.
pub(super) fn serve(address: SocketAddr, figures: Figures) -> Result<SocketAddr, CliError> {
    let unusable = |error: io::Error| {
        CliError::failed(format!("can't serve metrics on {address}"))
            .because(error)
            .with_help("name another address with --metrics")
    };
    let listener = TcpListener::bind(address).map_err(unusable)?;
    let at = listener.local_addr().map_err(unusable)?;
    let serving = move || {
        for stream in listener.incoming() {
            match stream.and_then(|stream| answer(&stream, &figures)) {
                Ok(()) => {}
                Err(error) => {
                    tracing::debug!(%error, "a request for metrics was not answered");
                    thread::sleep(Duration::from_millis(10));
                }
            }
        }
    };
    let named = thread::Builder::new().name("metrics".to_owned());
    named.spawn(serving).map_err(unusable)?;
    Ok(at)
}

fn answer(mut stream: &TcpStream, figures: &Figures) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.take(REQUEST_BYTES_MAX));
    let mut asked = String::new();
    reader.read_line(&mut asked)?;
    let mut line = String::new();
    // What else is said does not matter, but has to be heard out.
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut words = asked.split(' ');
    let (status, text) = match (words.next(), words.next()) {
        (Some("GET" | "HEAD"), Some("/metrics")) => ("200 OK", figures.text()),
        (Some("GET" | "HEAD"), _) => ("404 Not Found", "see /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "GET /metrics\n".to_owned()),
    };
    let body = if asked.starts_with("HEAD ") {
        ""
    } else {
        &text
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        text.len()
    )
}
