//! `exhibit demo`: the whole of it in a minute, with nothing faked.
//!
//! A real server on a free port takes a story of deliveries over real gRPC; the receipts, the pack and the verification
//! are the ones that anyone would get; and the tampering is done to copies of real files, as somebody with the disk
//! would do it.

mod chapters;
mod scene;
mod story;
mod tampering;
mod telling;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use self::{scene::Scene, telling::Summary};
use super::{
    args,
    error::CliError,
    exit::Exit,
    local::{LocalServer, new_ledger},
    output::{Format, Output},
};
use crate::{
    ledger::receipt::Receipt,
    pack::{Report, Verdict, VerifyOptions, verify_pack},
};

const ORIGIN: &str = "ledger.example.com/acme";

/// See all of it in a minute: a story told to a real server, a pack, and every kind of tampering caught
///
/// Leaves DIR/ledger (the data directory), DIR/audit-pack.zip, DIR/log.vkey and DIR/receipts to look at.
#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Where to put it all: a new or empty directory
    #[arg(long, value_name = "DIR", value_parser = args::path)]
    dir: PathBuf,
    /// Nights of routine updates, of 12 events each, around the story
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(0..=20_000))]
    nights: u32,
}

impl Demo {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let started = Instant::now();
        make_empty(&self.dir)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| CliError::failed("can't start the network").because(error))?;
        let mut teller = Teller { output };
        let (scene, receipts) = runtime.block_on(play(&self.dir, self.nights, &mut teller))?;
        let report = verify(&scene, &mut teller)?;
        let caught = tampering::show(&scene, &receipts, &mut teller)?;
        let summary = Summary::new(&self.dir, &report, caught, started.elapsed());
        output.print(&summary)?;
        let proven = report.verdict == Verdict::Verified && summary.all_caught();
        Ok(if proven { Exit::Done } else { Exit::Negative })
    }
}

/// Tells the story as text; other formats get the summary alone.
struct Teller<'a> {
    output: &'a mut Output,
}

impl Teller<'_> {
    fn say(&mut self, line: &str) -> Result<(), CliError> {
        match self.output.format() {
            Format::Text => self.output.line(line),
            Format::Json | Format::Markdown => Ok(()),
        }
    }

    fn heading(&mut self, number: u32, text: &str) -> Result<(), CliError> {
        let text = super::text::paint(super::text::style::LABEL, format_args!("{number}. {text}"));
        self.say(&format!("\n{text}"))
    }
}

/// Everything that needs the server: makes a ledger, serves it, tells it the story, and takes a pack away.
async fn play(
    dir: &Path,
    nights: u32,
    teller: &mut Teller<'_>,
) -> Result<(Scene, Vec<Receipt>), CliError> {
    teller.heading(1, "A ledger, and a server for it")?;
    let directory = new_ledger(&dir.join("ledger"), ORIGIN)?;
    let key = directory.verifier().clone();
    write(&dir.join("log.vkey"), format!("{key}\n").as_bytes())?;
    let server = LocalServer::ledger(&directory).await?;
    teller.say(&format!(
        "   {ORIGIN}, served at {} over gRPC\n   verifier key: {key}",
        server.url()
    ))?;
    let mut scene = Scene::open(dir, &server, key).await?;

    teller.heading(
        2,
        "What the pipelines posted, each answered once it was durable",
    )?;
    let now = i64::try_from(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs(),
    )
    .unwrap_or(0);
    let routine = chapters::nights(nights, now);
    let (early, late) = routine.split_at(routine.len() / 2);
    scene.stream(early, teller).await?;
    for chapter in chapters::story(now) {
        scene.chapter(&chapter, teller).await?;
    }
    scene.stream(late, teller).await?;

    teller.heading(3, "A receipt, checked without the server")?;
    let receipts = scene.receipts(teller)?;

    teller.heading(4, "An audit pack")?;
    scene.export(teller).await?;
    server.stop().await?;
    Ok((scene, receipts))
}

/// Verifies the pack, as an auditor would: with the key and the file, and nothing else.
fn verify(scene: &Scene, teller: &mut Teller<'_>) -> Result<Report, CliError> {
    teller.heading(5, "Verified offline, with the server gone")?;
    let started = Instant::now();
    let report = verify_pack(
        &scene.pack(),
        &scene.key,
        &VerifyOptions::default(),
        &|_, _| {},
    )
    .map_err(|error| CliError::failed("the pack can't be verified").because(error))?;
    let counts = &report.counts;
    teller.say(&format!(
        "   {}: {} entries, {} payload parts, {} hash tiles in {:.0} ms",
        match report.verdict {
            Verdict::Verified => "VERIFIED",
            Verdict::VerifiedWithConfirmedBreaks => "VERIFIED, WITH CONFIRMED BREAKS",
            Verdict::Altered => "NOT VERIFIED",
            Verdict::Incomplete => "INCOMPLETE",
        },
        counts.entries,
        counts.parts_disclosed,
        report.more.tiles,
        started.elapsed().as_secs_f64() * 1000.0
    ))?;
    for finding in &report.findings.listed {
        teller.say(&format!("   {finding}"))?;
    }
    for reason in &report.incomplete {
        teller.say(&format!("   {reason}"))?;
    }
    Ok(report)
}

fn make_empty(dir: &Path) -> Result<(), CliError> {
    fs::create_dir_all(dir).map_err(CliError::write(dir))?;
    let mut there = fs::read_dir(dir).map_err(CliError::read(dir))?;
    match there.next() {
        None => Ok(()),
        Some(_) => Err(CliError::Exists {
            path: dir.to_owned(),
            help: "name a new or empty directory with --dir, or remove this one",
        }),
    }
}

fn write(path: &Path, content: &[u8]) -> Result<(), CliError> {
    fs::File::create_new(path)
        .and_then(|mut file| file.write_all(content))
        .map_err(CliError::write(path))
}
