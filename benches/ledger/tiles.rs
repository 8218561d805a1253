//! Tiles over HTTP, against nginx with the same files, on the same cores, with the same load, turn by turn.
//!
//! Both serve the tiles and entry bundles of one ledger: `exhibit serve` from its journal and index, nginx from the
//! unpacked pack, with `sendfile` and its cache of open files. `wrk` asks both for every full tile in turn, over kept
//! connections; it takes part of the same cores. The first second is not counted.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use super::{EXHIBIT, build, home, path, run};

const TURNS: usize = 3;
const SECONDS: &str = "4s";

/// Ends a process when the measurement is over.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn tiles(entries: u64) {
    for needed in ["nginx", "wrk"] {
        let there = Command::new(needed)
            .arg("-v")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if there.is_err() {
            println!("tiles: skipped, there is no {needed} here");
            return;
        }
    }
    let home = home();
    let directory = build(home.path(), entries);
    let pack = home.path().join("pack.zip");
    run(&["export", "--dir", path(&directory), "--out", path(&pack)]);
    let site = home.path().join("site");
    let mut archive = zip::ZipArchive::new(fs::File::open(&pack).unwrap()).unwrap();
    archive.extract(&site).unwrap();
    let (_server, exhibit) = exhibit(&directory);
    let (_nginx, nginx) = nginx(home.path(), &site);
    println!("tiles: {entries} entries, {TURNS} turns of {SECONDS} each, 32 connections");
    for (what, prefix) in [
        ("hash tiles", "/tile/0/"),
        ("entry bundles", "/tile/entries/"),
    ] {
        let script = home.path().join("ask.lua");
        fs::write(&script, script_for(prefix, entries / 256)).unwrap();
        same_content(&exhibit, &nginx, prefix);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        load(&exhibit, &script, "1s");
        load(&nginx, &script, "1s");
        for _ in 0..TURNS {
            theirs.push(load(&nginx, &script, SECONDS));
            ours.push(load(&exhibit, &script, SECONDS));
        }
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "  {what:14} exhibit {ours:9.0}/s  nginx {theirs:9.0}/s  {:.2} of nginx",
            ours / theirs
        );
    }
}

fn script_for(prefix: &str, tiles: u64) -> String {
    let mut paths = String::new();
    for number in 0..tiles {
        let span = exhibit::ledger::tile::Span { number, width: 256 };
        write!(paths, "\"{prefix}{span}\",").unwrap();
    }
    format!(
        "local paths = {{{paths}}}\nlocal n = 0\nrequest = function()\n  n = n % #paths + 1\n  \
         return wrk.format(\"GET\", paths[n])\nend\n\
         done = function(summary)\n  if summary.errors.status > 0 then print(\"FAILED\") end\nend\n"
    )
}

fn exhibit(directory: &Path) -> (Ended, String) {
    let mut server = Command::new(EXHIBIT)
        .args(["serve", "--listen", "127.0.0.1:0", "--dir", path(directory)])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
    let address = lines
        .find_map(|line| Some(line.unwrap().split_once("listening on ")?.1.to_owned()))
        .expect("the server says where it listens");
    std::thread::spawn(move || lines.for_each(drop));
    (Ended(server), format!("http://{address}"))
}

fn nginx(home: &Path, site: &Path) -> (Ended, String) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let (home_path, site) = (path(home), path(site));
    let configuration = home.join("nginx.conf");
    let text = format!(
        "daemon off; worker_processes auto; pid {home_path}/nginx.pid; error_log {home_path}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;\n\
         open_file_cache max=10000; open_file_cache_valid 1h; default_type application/octet-stream;\n\
         client_body_temp_path {home_path}/t1; proxy_temp_path {home_path}/t2; fastcgi_temp_path {home_path}/t3;\n\
         uwsgi_temp_path {home_path}/t4; scgi_temp_path {home_path}/t5;\n\
         server {{ listen {address}; root {site}; }} }}\n"
    );
    fs::write(&configuration, text).unwrap();
    // Its workers may run as somebody else, who must be able to reach the files.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(home, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new("nginx");
    command.args([
        "-g",
        "user root;",
        "-p",
        home_path,
        "-c",
        path(&configuration),
    ]);
    let server = Ended(command.spawn().unwrap());
    let url = format!("http://{address}");
    while std::net::TcpStream::connect(address).is_err() {
        std::thread::yield_now();
    }
    (server, url)
}

/// Both must serve the same bytes, or the comparison says nothing.
fn same_content(ours: &str, theirs: &str, prefix: &str) {
    let fetcher = exhibit::service::fetch::Fetcher::new(Default::default());
    let get = |url: &str| {
        let answer = fetcher.get(&format!("{url}{prefix}000"), &[]).unwrap();
        answer.content().unwrap()
    };
    assert_eq!(get(ours), get(theirs));
}

/// Requests a second.
fn load(url: &str, script: &Path, time: &str) -> f64 {
    let output = Command::new("wrk")
        .args(["-t1", "-c32", "-d", time, "-s", path(script), url])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!text.contains("FAILED"), "{text}");
    let rate = text
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"));
    rate.expect(&text).trim().parse().unwrap()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
