//! The rules of the house, enforced by reading the sources: which layer may look at which, which are pure, where
//! async is, how long files and functions get, and words that must not appear.
//!
//! Each rule is a function from source text to what breaks it, so that a test can plant a violation and see it bite.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use source::Source;

mod planted;
mod source;

/// The layers, top first. A layer may use itself and those after it.
const LAYERS: [&str; 7] = [
    "main", "cli", "service", "pack", "store", "evidence", "ledger",
];
/// No disk, no network, no clock, no randomness, no threads.
const PURE: [&str; 2] = ["ledger", "evidence"];
const IMPURE_STD: [&str; 5] = ["fs", "net", "thread", "env", "process"];
const IMPURE_CRATES: [&str; 9] = [
    "tokio",
    "getrandom",
    "rayon",
    "rand",
    "zip",
    "sled",
    "tonic",
    "tracing",
    "indicatif",
];
const CLOCKS: [&str; 2] = ["SystemTime", "Instant"];
/// The one place that reads a clock below the disk.
const CLOCK: &str = "src/ledger/position.rs";
/// The network, and the crates that only it may use.
const ASYNC: [&str; 2] = ["service", "cli"];
const ASYNC_CRATES: [&str; 7] = [
    "tokio",
    "tokio_stream",
    "tonic",
    "tonic_health",
    "tonic_types",
    "hyper",
    "prost",
];

const FILE_LINES_MAX: usize = 450;
const FUNCTION_LINES_MAX: usize = 80;
/// Files that may be longer, with the reason. Empty is best.
const LONG_FILES: [&str; 0] = [];
/// Functions that may be longer, as `file: function`. Empty is best.
const LONG_FUNCTIONS: [&str; 0] = [];
/// Names that say nothing.
const EMPTY_WORDS: [&str; 3] = ["utils", "helper", "manager"];
/// In pieces, so that this file does not break its own rule.
const UNFINISHED: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("TB", "D"),
];
const MACHINE_PATHS: [&str; 3] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the project with one of these endings, but not what is built or fetched.
fn files(under: &str, endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(under)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if !["target", ".git", "corpus", "artifacts"].contains(&name) {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let shown = path
                    .strip_prefix(root())
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                found.push((shown, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<Source> {
    let read = files("src", &[".rs"]);
    assert!(read.len() > 20, "these are not the sources");
    read.iter()
        .map(|(path, text)| Source::new(path, text))
        .collect()
}

/// What every source that a rule is about breaks of it.
fn broken(rule: impl Fn(&Source) -> Vec<String>) -> Vec<String> {
    sources()
        .iter()
        .flat_map(|source| {
            rule(source)
                .into_iter()
                .map(|what| format!("{}: {what}", source.path))
        })
        .collect()
}

/// Modules of layers above its own that a source uses.
fn looks_up(source: &Source) -> Vec<String> {
    let Some(own) = LAYERS.iter().position(|layer| *layer == source.layer) else {
        return vec![];
    };
    let used = source.crate_paths();
    let above = used.iter().filter(|used| {
        LAYERS
            .iter()
            .position(|layer| layer == used)
            .is_some_and(|at| at < own)
    });
    above
        .map(|above| format!("{} uses {above}", source.layer))
        .collect()
}

/// What a source of a pure layer uses of the world outside.
fn impurities(source: &Source) -> Vec<String> {
    if !PURE.contains(&source.layer.as_str()) {
        return vec![];
    }
    let std = source.paths_from("std");
    let of_std = IMPURE_STD
        .iter()
        .filter(|module| std.iter().any(|used| used == *module));
    let crates = IMPURE_CRATES.iter().filter(|name| source.names_crate(name));
    let clocks = CLOCKS
        .iter()
        .filter(|clock| source.path != CLOCK && source.has_word(clock));
    let awaits = ["async", "await"]
        .iter()
        .filter(|word| source.has_word(word));
    of_std
        .chain(crates)
        .chain(clocks)
        .chain(awaits)
        .map(|what| format!("uses {what}"))
        .collect()
}

/// Network code outside the layers that have a network.
fn stray_async(source: &Source) -> Vec<String> {
    if ASYNC.contains(&source.layer.as_str()) || source.layer == "main" {
        return vec![];
    }
    let crates = ASYNC_CRATES.iter().filter(|name| source.names_crate(name));
    let words = ["async", "await"]
        .iter()
        .filter(|word| source.has_word(word));
    crates
        .chain(words)
        .map(|what| format!("uses {what}"))
        .collect()
}

fn long_functions(source: &Source) -> Vec<String> {
    source
        .functions()
        .into_iter()
        .filter(|(name, lines)| {
            *lines > FUNCTION_LINES_MAX
                && !LONG_FUNCTIONS.contains(&format!("{}: {name}", source.path).as_str())
        })
        .map(|(name, lines)| format!("{name} has {lines} lines, over {FUNCTION_LINES_MAX}"))
        .collect()
}

fn empty_words(source: &Source) -> Vec<String> {
    let text = format!("{} {}", source.path, source.code).to_lowercase();
    EMPTY_WORDS
        .iter()
        .filter(|word| text.contains(*word))
        .map(|word| format!("says {word}"))
        .collect()
}

#[test]
fn no_layer_looks_up() {
    assert_eq!(broken(looks_up), [""; 0]);
}

#[test]
fn every_source_belongs_to_a_layer() {
    let stray: Vec<String> = sources()
        .into_iter()
        .filter(|source| {
            !LAYERS.contains(&source.layer.as_str())
                && !["lib", "manual"].contains(&source.layer.as_str())
        })
        .map(|source| source.path)
        .collect();
    assert_eq!(stray, [""; 0]);
}

#[test]
fn the_pure_layers_are_pure() {
    assert_eq!(broken(impurities), [""; 0]);
}

#[test]
fn one_place_in_the_pure_layers_reads_the_clock() {
    let sources = sources();
    let clock = sources.iter().find(|source| source.path == CLOCK).unwrap();
    assert_eq!(clock.code.matches("SystemTime").count(), 1);
    assert!(!clock.has_word("Instant"));
}

#[test]
fn only_the_network_is_async() {
    assert_eq!(broken(stray_async), [""; 0]);
}

#[test]
fn files_are_short() {
    let mut all = files("src", &[".rs"]);
    all.extend(files("tests", &[".rs"]));
    all.extend(files("proto", &[".rs", ".proto"]));
    let long: Vec<String> = all
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(path, lines)| *lines > FILE_LINES_MAX && !LONG_FILES.contains(&path.as_str()))
        .map(|(path, lines)| format!("{path} has {lines} lines, over {FILE_LINES_MAX}"))
        .collect();
    assert_eq!(long, [""; 0]);
}

#[test]
fn functions_are_short() {
    assert_eq!(broken(long_functions), [""; 0]);
}

#[test]
fn names_say_something() {
    assert_eq!(broken(empty_words), [""; 0]);
}

#[test]
fn every_hash_context_stands_in_one_file() {
    let contexts = |(path, text): &(String, String)| {
        let hashes = ["exhibit 2026-", "derive_key", "new_from_context_key"];
        (path != "src/ledger/hash.rs" && hashes.iter().any(|hash| text.contains(hash)))
            .then(|| path.clone())
    };
    let elsewhere: Vec<String> = files("src", &[".rs"]).iter().filter_map(contexts).collect();
    assert_eq!(elsewhere, [""; 0]);
}

/// Everything written by hand, for rules about words.
fn texts() -> Vec<(String, String)> {
    let endings = [".rs", ".md", ".toml", ".proto", ".trycmd", "run"];
    let mut all: Vec<_> = ["src", "tests", "proto"]
        .iter()
        .flat_map(|under| files(under, &endings))
        .collect();
    for name in [
        "README.md",
        "CHANGELOG.md",
        "Cargo.toml",
        "deny.toml",
        ".ci/run",
    ] {
        if let Ok(text) = fs::read_to_string(root().join(name)) {
            all.push((name.to_owned(), text));
        }
    }
    all
}

fn saying(words: &[&str], text: &str) -> Vec<String> {
    let said = |line: &str| words.iter().any(|word| line.contains(word));
    text.lines()
        .filter(|line| said(line))
        .map(str::to_owned)
        .collect()
}

#[test]
fn nothing_is_left_for_later() {
    let left: Vec<String> = texts()
        .iter()
        .flat_map(|(path, text)| {
            saying(&UNFINISHED, text)
                .into_iter()
                .map(move |line| format!("{path}: {line}"))
        })
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn no_text_names_a_machine() {
    let named: Vec<String> = texts()
        .iter()
        .flat_map(|(path, text)| {
            saying(&MACHINE_PATHS, text)
                .into_iter()
                .map(move |line| format!("{path}: {line}"))
        })
        .collect();
    assert_eq!(named, [""; 0]);
}

/// The crates of a build without the server.
fn crates(features: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args([
            "tree",
            "--locked",
            "--offline",
            "--no-default-features",
            "-e",
            "normal",
            "--prefix",
            "none",
            "-f",
            "{p}",
        ])
        .args(features)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_offline_verifier_has_no_network_and_no_database() {
    let absent = [
        "tonic", "tokio", "hyper", "h2", "sled", "prost", "socket2", "mio",
    ];
    let (library, program) = (crates(&[]), crates(&["--features", "cli"]));
    for name in absent {
        assert!(
            !library.iter().chain(&program).any(|found| found == name),
            "{name}"
        );
    }
    let has = |list: &[String], name: &str| list.iter().any(|found| found == name);
    assert!(!has(&library, "clap") && has(&program, "clap") && has(&library, "blake3"));
}

#[test]
fn every_fuzz_target_is_built_and_calls_a_property() {
    let manifest = fs::read_to_string(root().join("tests/fuzz/Cargo.toml")).unwrap();
    let targets = files("tests/fuzz/targets", &[".rs"]);
    assert_eq!(manifest.matches("[[bin]]").count(), targets.len());
    for (path, text) in targets {
        let name = path
            .rsplit('/')
            .next()
            .unwrap()
            .trim_end_matches(".rs")
            .to_owned();
        assert!(
            manifest.contains(&format!("path = \"targets/{name}.rs\"")),
            "{path}"
        );
        assert!(
            text.lines().count() <= 3,
            "{path} does more than call a property"
        );
    }
    // And every property of the ledger has a target.
    let properties = fs::read_to_string(root().join("src/ledger/properties.rs")).unwrap();
    let names = properties
        .lines()
        .filter_map(|line| line.strip_prefix("pub fn ")?.split('(').next());
    for name in names {
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "{name} has no fuzz target"
        );
    }
}
