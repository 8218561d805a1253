//! What the project depends on, checked against `deny.toml` without a network: licences, bans and sources.
//!
//! `cargo deny` reads the same file and checks known vulnerabilities too; where it is not installed, this is what
//! stands.

use std::{collections::BTreeMap, path::Path, process::Command};

use serde::Deserialize;

#[derive(Deserialize)]
struct Rules {
    licenses: Licenses,
    bans: Bans,
    advisories: Advisories,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    #[serde(default)]
    wrappers: Vec<String>,
}

#[derive(Deserialize)]
struct Advisories {
    ignore: Vec<Ignored>,
}

#[derive(Deserialize)]
struct Ignored {
    id: String,
    reason: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    dependencies: Vec<String>,
}

fn rules() -> Rules {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml");
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The packages that are built here, with all features, tests and build scripts.
fn metadata() -> Metadata {
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap();
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "metadata",
            "--locked",
            "--offline",
            "--format-version",
            "1",
            "--filter-platform",
            host,
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut metadata: Metadata = serde_json::from_slice(&output.stdout).unwrap();
    let used: Vec<String> = metadata
        .resolve
        .nodes
        .iter()
        .map(|node| node.id.clone())
        .collect();
    metadata
        .packages
        .retain(|package| used.contains(&package.id));
    assert!(
        metadata.packages.len() > 100,
        "these are not all dependencies"
    );
    metadata
}

/// Whether a licence expression can be met with the allowed licences alone.
fn is_met(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (met, rest) = either(&words, allowed);
    met && rest.is_empty()
}

fn either<'a>(words: &'a [&'a str], allowed: &[String]) -> (bool, &'a [&'a str]) {
    let (mut met, mut rest) = both(words, allowed);
    while let Some((&"OR", after)) = rest.split_first() {
        let (other, left) = both(after, allowed);
        (met, rest) = (met | other, left);
    }
    (met, rest)
}

fn both<'a>(words: &'a [&'a str], allowed: &[String]) -> (bool, &'a [&'a str]) {
    let (mut met, mut rest) = one(words, allowed);
    while let Some((&"AND", after)) = rest.split_first() {
        let (other, left) = one(after, allowed);
        (met, rest) = (met & other, left);
    }
    (met, rest)
}

fn one<'a>(words: &'a [&'a str], allowed: &[String]) -> (bool, &'a [&'a str]) {
    match words {
        ["(", inner @ ..] => {
            let (met, rest) = either(inner, allowed);
            match rest {
                [")", after @ ..] => (met, after),
                other => (false, other),
            }
        }
        [license, "WITH", exception, rest @ ..] => (
            allowed.contains(&format!("{license} WITH {exception}")),
            rest,
        ),
        [license, rest @ ..] => (allowed.iter().any(|name| name == license), rest),
        [] => (false, &[]),
    }
}

#[test]
fn every_dependency_has_an_allowed_licence_and_comes_from_the_registry() {
    let rules = rules();
    for Package {
        name,
        version,
        license,
        source,
        ..
    } in metadata().packages
    {
        let Some(source) = source else {
            assert_eq!(name, "exhibit", "a dependency by path");
            continue;
        };
        assert_eq!(
            source, "registry+https://github.com/rust-lang/crates.io-index",
            "{name}"
        );
        let license = license.unwrap_or_default();
        assert!(
            is_met(&license, &rules.licenses.allow),
            "{name} {version} has licence {license:?}"
        );
    }
}

#[test]
fn no_banned_crate_is_used() {
    let (rules, metadata) = (rules(), metadata());
    let names: BTreeMap<&str, &str> = metadata
        .packages
        .iter()
        .map(|package| (package.id.as_str(), package.name.as_str()))
        .collect();
    assert!(!rules.bans.deny.is_empty());
    for node in &metadata.resolve.nodes {
        let user = names[node.id.as_str()];
        for used in &node.dependencies {
            let ban = rules
                .bans
                .deny
                .iter()
                .find(|ban| ban.name == names[used.as_str()]);
            let allowed = ban.is_none_or(|ban| ban.wrappers.iter().any(|wrapper| wrapper == user));
            assert!(
                allowed,
                "{user} uses {}, which deny.toml bans",
                names[used.as_str()]
            );
        }
    }
}

#[test]
fn crates_in_several_versions_are_listed() {
    let metadata = metadata();
    // TLS makes its connections' keys with an older version of it; salts and seeds come from ours.
    let older =
        |package: &&Package| package.name == "getrandom" && package.version.starts_with("0.2.");
    if let Some(older) = metadata.packages.iter().find(older) {
        let uses = |node: &&Node| node.dependencies.contains(&older.id);
        let by = |node: &Node| {
            metadata
                .packages
                .iter()
                .find(|package| package.id == node.id)
        };
        let users = metadata.resolve.nodes.iter().filter(uses).filter_map(by);
        assert!(users.map(|user| user.name.as_str()).eq(["ring"]));
    }
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in metadata.packages {
        if package.name == "getrandom" && package.version.starts_with("0.2.") {
            continue;
        }
        versions
            .entry(package.name)
            .or_default()
            .push(package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    for (name, versions) in &versions {
        eprintln!("in several versions: {name} {}", versions.join(", "));
    }
    // What guards the evidence is there once.
    for once in ["bincode", "blake3", "ed25519-dalek", "sha2", "getrandom"] {
        assert!(!versions.contains_key(once), "{once}");
    }
}

#[test]
fn every_ignored_advisory_says_why() {
    for Ignored { id, reason } in rules().advisories.ignore {
        assert!(id.starts_with("RUSTSEC-") && reason.len() > 20, "{id}");
    }
}

#[test]
fn licence_expressions_are_read_right() {
    let allowed = ["MIT", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND MIT", true),
        ("(MIT OR GPL-3.0) AND GPL-3.0", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0", false),
        ("GPL-3.0 OR MIT AND GPL-3.0", false),
        ("(MIT", false),
        ("MIT MIT", false),
    ] {
        assert_eq!(is_met(expression, &allowed), met, "{expression}");
    }
}
