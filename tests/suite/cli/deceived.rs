//! Verifying a server that deceives: it speaks as a ledger's does, and sends what it likes.

use exhibit::{
    ledger::position::EntryIndex,
    pack::VerifyOptions,
    service::proto::{ExportPackResponse, ExportSummary, GetCheckpointResponse},
};
use prost::Message;
use tonic::codegen::http::Response;

use super::Done;
use crate::{
    process::exhibit,
    tamper::original::{Of, Original},
};

/// What the server answers: the one checkpoint, and the chunks of any pack.
#[derive(Clone)]
struct Answers {
    checkpoint: String,
    chunks: Vec<Vec<u8>>,
}

impl Answers {
    fn of(original: &Original, chunks: Vec<Vec<u8>>) -> Self {
        let VerifyOptions { trusted, .. } = original.kept_checkpoint();
        Self {
            checkpoint: trusted[0].note().to_string(),
            chunks,
        }
    }

    /// The messages to a request, encoded.
    fn to(self, path: &str) -> Vec<Vec<u8>> {
        if path.ends_with("/GetCheckpoint") {
            let answer = GetCheckpointResponse {
                checkpoint: self.checkpoint,
                ..GetCheckpointResponse::default()
            };
            return vec![answer.encode_to_vec()];
        }
        let chunks = self.chunks.into_iter().map(|chunk| ExportPackResponse {
            chunk: chunk.into(),
            ..ExportPackResponse::default()
        });
        let last = ExportPackResponse {
            summary: Some(ExportSummary::default()),
            ..ExportPackResponse::default()
        };
        chunks.chain([last]).map(|m| m.encode_to_vec()).collect()
    }

    /// Serves them until the test ends; gives the address.
    fn serve(self) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        listener.set_nonblocking(true).unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(self.clone().converse(stream));
                }
            });
        });
        url
    }

    /// Answers on one connection. That the client hangs up is no concern.
    async fn converse(self, stream: tokio::net::TcpStream) -> Option<()> {
        let mut connection = h2::server::handshake(stream).await.ok()?;
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            let head = Response::builder().header("content-type", "application/grpc");
            let mut out = respond.send_response(head.body(()).unwrap(), false).ok()?;
            for message in self.clone().to(request.uri().path()) {
                let length = u32::try_from(message.len()).unwrap().to_be_bytes();
                let frame = [&[0], &length[..], &message].concat();
                out.send_data(frame.into(), false).ok()?;
            }
            let end = [("grpc-status", "0")]
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            out.send_trailers(end.into_iter().collect()).ok()?;
        }
        None
    }
}

fn verify(url: &str, original: &Original, temporary: &std::path::Path) -> Done {
    let mut command = exhibit();
    command.args(["verify", url, "--vkey", &original.key().to_string()]);
    let done = Done::of(command.env("TMPDIR", temporary).output().unwrap());
    assert_eq!(std::fs::read_dir(temporary).unwrap().count(), 0);
    done
}

#[test]
fn a_pack_that_no_ledger_of_its_size_has_is_not_taken_and_a_part_is_not_the_whole() {
    let original = Original::of(&[300, 413]);
    let temporary = tempfile::tempdir().unwrap();
    let judge = |chunks| {
        let url = Answers::of(&original, chunks).serve();
        verify(&url, &original, temporary.path())
    };
    let whole = std::fs::read(original.copy(Of::Pack)).unwrap();
    judge(vec![whole]).is(0, &["VERIFIED", "all 713"]);
    // 64 MiB, and as many KiB for each of 713 entries, are 108 MiB and a half.
    judge(vec![vec![0; 1 << 20]; 110]).is(
        3,
        &["more than 108 MiB", "help:", "exhibit export --server"],
    );
    let part = tempfile::tempdir().unwrap();
    let part = part.path().join("part.zip");
    original.export(EntryIndex::new(256), EntryIndex::new(512), &part);
    let part = std::fs::read(part).unwrap();
    judge(vec![part]).is(
        4,
        &["INCOMPLETE", "were asked for, and 256 to 512 are here"],
    );
    // A size that the trusted key did not sign counts for nothing.
    let mut answers = Answers::of(&original, vec![vec![0; 1 << 20]; 70]);
    let claimed = answers.checkpoint.replacen("\n713\n", "\n7130000\n", 1);
    assert_ne!(answers.checkpoint, claimed);
    answers.checkpoint = claimed;
    verify(&answers.serve(), &original, temporary.path()).is(3, &["more than 64 MiB"]);
}

#[test]
fn a_kept_file_that_the_key_does_not_vouch_for_is_named() {
    let (ours, theirs) = (Original::of(&[2]), Original::of(&[3]));
    let directory = tempfile::tempdir().unwrap();
    let keep = |name: &str, original: &Original| {
        let path = directory.path().join(name);
        let kept = original.kept_checkpoint();
        std::fs::write(&path, kept.trusted[0].note().to_string()).unwrap();
        path
    };
    let (good, other) = (keep("good", &ours), keep("other", &theirs));
    std::fs::write(
        &other,
        std::fs::read_to_string(&other)
            .unwrap()
            .replacen("\n3\n", "\n4\n", 1),
    )
    .unwrap();
    let mut command = exhibit();
    command.arg("verify").arg(ours.copy(Of::Pack));
    command.args(["--vkey", &ours.key().to_string()]);
    for kept in [&good, &other] {
        command.arg("--checkpoint").arg(kept);
    }
    let said = format!("{}: ", other.display());
    Done::of(command.output().unwrap()).is(3, &[&said, "leave it out"]);
}
