//! Over real sockets: a server that answers from a script, and OpenSSL's for TLS.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
};

use super::*;

/// Answers one request with these bytes; what was asked comes back from the thread.
fn serving(answer: impl Into<Vec<u8>>) -> (String, thread::JoinHandle<Vec<u8>>) {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a/b", listener.local_addr().unwrap());
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let asked = read_request(&mut stream);
        // Whoever has seen enough hangs up.
        let _ = stream.write_all(&answer);
        asked
    });
    (url, served)
}

fn read_request(stream: &mut TcpStream) -> Vec<u8> {
    let mut reader = BufReader::new(stream);
    let (mut asked, mut body_bytes) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(length) = line.to_lowercase().strip_prefix("content-length: ") {
            body_bytes = length.trim().parse().unwrap();
        }
        asked.extend_from_slice(line.as_bytes());
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; body_bytes];
    reader.read_exact(&mut body).unwrap();
    asked.extend_from_slice(&body);
    asked
}

fn fetcher(change: impl FnOnce(&mut FetchOptions)) -> Fetcher {
    let mut options = FetchOptions::default();
    change(&mut options);
    Fetcher::new(options)
}

#[test]
fn a_get_brings_status_type_and_content() {
    let (url, served) = serving(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes",
    );
    let answer = fetcher(|_| {})
        .get(&url, &[("accept", "text/plain")])
        .unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"yes"[..]));
    assert_eq!(answer.content_type.as_deref(), Some("text/plain"));
    let asked = String::from_utf8(served.join().unwrap())
        .unwrap()
        .to_lowercase();
    assert!(asked.starts_with("get /a/b http/1.1\r\n"), "{asked}");
    assert!(asked.contains("\r\naccept: text/plain\r\n"), "{asked}");
    assert!(
        asked.contains(&format!("\r\nuser-agent: {USER_AGENT}\r\n")),
        "{asked}"
    );
}

#[test]
fn a_post_sends_its_bytes_as_they_are() {
    let (url, served) =
        serving("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    fetcher(|_| {})
        .post(&url, "application/timestamp-query", b"\x30\x00\xff")
        .unwrap();
    let asked = served.join().unwrap();
    assert!(asked.starts_with(b"POST /a/b HTTP/1.1\r\n"));
    assert!(asked.ends_with(b"\r\n\r\n\x30\x00\xff"));
}

#[test]
fn every_status_is_an_answer_and_only_200_is_content() {
    let (url, _) =
        serving("HTTP/1.1 409 Conflict\r\nContent-Length: 3\r\nConnection: close\r\n\r\n17\n");
    let answer = fetcher(|_| {}).post(&url, "text/plain", b"").unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (409, &b"17\n"[..]));
    let refused = answer.content().unwrap_err();
    assert_eq!(refused.to_string(), format!("{url} answers 409: 17"));
    assert!(!refused.is_passing());
}

#[test]
fn a_redirect_is_told_and_not_followed() {
    let (url, _) = serving(
        "HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    let answer = fetcher(|_| {}).get(&url, &[]).unwrap();
    assert_eq!(answer.status, 302);
    let told = answer.content().unwrap_err().to_string();
    assert!(told.contains("http://elsewhere.example/"), "{told}");
}

#[test]
fn an_answer_longer_than_allowed_is_refused_whatever_it_announces() {
    let announced = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n01234567890";
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n";
    for answer in [announced, chunked] {
        let (url, _) = serving(answer);
        let limited = fetcher(|options| options.body_bytes_max = 10);
        let refused = limited.get(&url, &[]).unwrap_err();
        assert!(
            matches!(refused, FetchError::TooLong { bytes_max: 10, .. }),
            "{refused:?}"
        );
        assert!(refused.to_string().contains(&url));
    }
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let hasty = fetcher(|options| options.timeout = Duration::from_millis(50));
    let refused = hasty.get(&url, &[]).unwrap_err();
    assert!(
        matches!(refused, FetchError::TimedOut { .. }),
        "{refused:?}"
    );
    assert!(refused.is_passing());
}

#[test]
fn a_port_where_nobody_listens_is_told_with_its_url() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{free}/checkpoint");
    let refused = fetcher(|_| {}).get(&url, &[]).unwrap_err();
    assert!(
        matches!(refused, FetchError::Unreachable { .. }),
        "{refused:?}"
    );
    assert!(
        refused
            .to_string()
            .starts_with(&format!("nobody answers at {url}; "))
    );
}

#[test]
fn what_does_not_speak_http_or_breaks_off_is_told() {
    for answer in [
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
    ] {
        let (url, _) = serving(answer);
        let refused = fetcher(|_| {}).get(&url, &[]).unwrap_err();
        assert!(refused.is_passing(), "{answer}: {refused:?}");
        assert!(refused.to_string().contains(&url));
    }
}

#[test]
fn what_is_no_url_is_refused_before_anything_is_sent() {
    for url in [
        "",
        "example.com",
        "ftp://h/",
        "http://",
        "http:///x",
        "file:///etc/passwd",
        "http://a b/",
    ] {
        let refused = fetcher(|_| {}).get(url, &[]).unwrap_err();
        assert!(
            matches!(refused, FetchError::Url { .. }),
            "{url}: {refused:?}"
        );
    }
}

/// OpenSSL's test server with a certificate of its own making for `localhost`; ended when dropped.
struct Secured {
    server: Child,
    url: String,
    certificate: Vec<u8>,
    _directory: tempfile::TempDir,
}

impl Drop for Secured {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn secured() -> Option<Secured> {
    let directory = tempfile::tempdir().unwrap();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args([
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ])
        .args([
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .current_dir(directory.path())
        .output()
        .ok()?;
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let mut server = Command::new("openssl")
        .args([
            "s_server",
            "-accept",
            "127.0.0.1:0",
            "-cert",
            "cert.pem",
            "-key",
            "key.pem",
            "-www",
        ])
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let said = BufReader::new(server.stdout.as_mut()?);
    // "ACCEPT 127.0.0.1:40123", once it listens.
    let port = said.lines().map_while(Result::ok).find_map(|line| {
        let address = line.strip_prefix("ACCEPT ")?;
        address.rsplit(':').next().map(str::to_owned)
    });
    let port = port.map(|port| port.split(' ').next().unwrap_or_default().to_owned());
    Some(Secured {
        url: format!("https://localhost:{}/", port?),
        certificate: std::fs::read(directory.path().join("cert.pem")).unwrap(),
        server,
        _directory: directory,
    })
}

#[test]
fn a_certificate_has_to_be_vouched_for_by_a_trusted_one_and_name_the_host() {
    let Some(server) = secured() else {
        println!("skipped: no openssl with a test server here");
        return;
    };
    let trusting = fetcher(|options| options.roots_pem = Some(server.certificate.clone()));
    let answer = trusting.get(&server.url, &[]).unwrap();
    assert_eq!(answer.status, 200);

    let elsewhere = server.url.replace("localhost", "127.0.0.1");
    let refused = trusting.get(&elsewhere, &[]).unwrap_err();
    assert!(matches!(refused, FetchError::Tls { .. }), "{refused:?}");

    match fetcher(|_| {}).get(&server.url, &[]).unwrap_err() {
        FetchError::Tls { .. } | FetchError::Roots { .. } => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_without_certificates_is_refused() {
    let none = fetcher(|options| options.roots_pem = Some(b"nothing".to_vec()));
    let refused = none.get("https://localhost:1/", &[]).unwrap_err();
    assert!(matches!(refused, FetchError::Roots { .. }), "{refused:?}");
}
