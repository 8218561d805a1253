//! A real time stamping authority: OpenSSL's `ts`, behind a real socket.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

/// A root, an intermediate and a signer, made by OpenSSL in a directory.
pub(super) struct Authority {
    directory: tempfile::TempDir,
}

/// What its keys are.
#[derive(Clone, Copy)]
pub(super) enum Keys {
    Rsa,
    Elliptic,
}

/// Whether OpenSSL is here.
pub(super) fn there_is_openssl() -> bool {
    Command::new("openssl")
        .arg("version")
        .output()
        .is_ok_and(|output| output.status.success())
}

impl Authority {
    pub(super) fn new(keys: Keys, usage: &str, days: &str) -> Self {
        let authority = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        for name in ["root", "mid", "tsa"] {
            match keys {
                Keys::Rsa => authority.run(&["genrsa", "-out", &format!("{name}.key"), "2048"]),
                Keys::Elliptic => authority.run(&[
                    "ecparam",
                    "-name",
                    "secp384r1",
                    "-genkey",
                    "-noout",
                    "-out",
                    &format!("{name}.key"),
                ]),
            }
        }
        authority.run(&[
            "req",
            "-new",
            "-x509",
            "-key",
            "root.key",
            "-days",
            "30",
            "-subj",
            "/CN=Test root",
            "-out",
            "root.pem",
            "-addext",
            "keyUsage=critical,keyCertSign",
        ]);
        let ca = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";
        authority.certify("mid", "root", ca, "30");
        let signer = format!("basicConstraints=CA:FALSE\nextendedKeyUsage={usage}\n");
        authority.certify("tsa", "mid", &signer, days);
        fs::write(
            authority.path("ts.cnf"),
            "[tsa]\ndefault_tsa=t\n[t]\nserial=serial\ndefault_policy=1.2.3.4.1\ndigests=sha256\naccuracy=secs:1\n\
             signer_digest=sha256\ness_cert_id_alg=sha256\n",
        )
        .unwrap();
        fs::write(authority.path("serial"), "01\n").unwrap();
        authority
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, arguments: &[&str]) {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(self.directory.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn certify(&self, name: &str, by: &str, extensions: &str, days: &str) {
        let file = |end: &str| format!("{name}.{end}");
        fs::write(self.path(&file("ext")), extensions).unwrap();
        self.run(&[
            "req",
            "-new",
            "-key",
            &file("key"),
            "-subj",
            &format!("/CN=Test {name}"),
            "-out",
            &file("csr"),
        ]);
        self.run(&[
            "x509",
            "-req",
            "-in",
            &file("csr"),
            "-CA",
            &format!("{by}.pem"),
            "-CAkey",
            &format!("{by}.key"),
            "-CAcreateserial",
            "-days",
            days,
            "-sha256",
            "-extfile",
            &file("ext"),
            "-out",
            &file("pem"),
        ]);
    }

    /// Answers a query.
    pub(super) fn answer(&self, query: &[u8]) -> Vec<u8> {
        fs::write(self.path("query.tsq"), query).unwrap();
        self.run(&[
            "ts",
            "-reply",
            "-config",
            "ts.cnf",
            "-section",
            "t",
            "-queryfile",
            "query.tsq",
            "-signer",
            "tsa.pem",
            "-inkey",
            "tsa.key",
            "-chain",
            "mid.pem",
            "-out",
            "answer.tsr",
        ]);
        fs::read(self.path("answer.tsr")).unwrap()
    }

    /// Signs what another authority has stamped, which OpenSSL does not do as an authority without the right usage.
    pub(super) fn sign_again(&self, answer: &[u8]) -> Vec<u8> {
        fs::write(self.path("other.tsr"), answer).unwrap();
        self.run(&[
            "ts",
            "-reply",
            "-in",
            "other.tsr",
            "-token_out",
            "-out",
            "token.der",
        ]);
        self.run(&[
            "cms",
            "-verify",
            "-noverify",
            "-inform",
            "DER",
            "-in",
            "token.der",
            "-out",
            "info.der",
        ]);
        self.run(&[
            "cms",
            "-sign",
            "-binary",
            "-nodetach",
            "-cades",
            "-nosmimecap",
            "-econtent_type",
            "1.2.840.113549.1.9.16.1.4",
            "-signer",
            "tsa.pem",
            "-inkey",
            "tsa.key",
            "-certfile",
            "mid.pem",
            "-in",
            "info.der",
            "-outform",
            "DER",
            "-out",
            "again.der",
        ]);
        let token = fs::read(self.path("again.der")).unwrap();
        let body = [&[0x30, 0x03, 0x02, 0x01, 0x00], token.as_slice()].concat();
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[0x30, 0x82], &length[..], &body].concat()
    }
}

/// Serves answers over HTTP on a port of this machine, until the test ends, and gives the URL.
pub(super) fn serve(answer: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/tsr", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = serve_one(stream, answer.as_ref());
        }
    });
    url
}

fn serve_one(stream: TcpStream, answer: &dyn Fn(&[u8]) -> Vec<u8>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut typed) = (0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        typed |= line == "content-type: application/timestamp-query";
        if line.is_empty() {
            break;
        }
    }
    assert!(typed, "the query is sent as what it is");
    let mut query = vec![0; length];
    reader.read_exact(&mut query)?;
    let body = answer(&query);
    let mut stream = reader.into_inner();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body)
}

/// The path as an argument.
pub(super) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
