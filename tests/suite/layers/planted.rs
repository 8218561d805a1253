//! Each rule, broken on purpose: it must be found.

use super::*;

fn source(path: &str, text: &str) -> Source {
    Source::new(path, text)
}

#[test]
fn a_layer_that_looks_up_is_found_however_it_writes_it() {
    let up = |path, text| looks_up(&source(path, text));
    assert_eq!(
        up("src/store/mod.rs", "use crate::pack::Pack;"),
        ["store uses pack"]
    );
    assert_eq!(
        up(
            "src/ledger/entry.rs",
            "use crate::{ledger::hash, store::{a, b}};"
        ),
        ["ledger uses store"]
    );
    assert_eq!(
        up(
            "src/ledger/note/key.rs",
            "use super::super::super::evidence;"
        ),
        ["ledger uses evidence"]
    );
    assert_eq!(
        up(
            "src/store/disk/mod.rs",
            "fn f() { super::super::service::run() }"
        ),
        ["store uses service"]
    );
    assert_eq!(
        up("src/pack/mod.rs", "let x: crate::cli::X;"),
        ["pack uses cli"]
    );
    assert_eq!(
        up(
            "src/pack/mod.rs",
            "use crate::{\n    ledger,\n    service,\n};"
        ),
        ["pack uses service"]
    );
    assert_eq!(
        up(
            "src/store/mod.rs",
            "// use crate::pack;\n/* crate::cli */ let s = \"crate::cli\";"
        ),
        [""; 0]
    );
    assert_eq!(
        up("src/cli/mod.rs", "use crate::{pack, service, ledger};"),
        [""; 0]
    );
    assert_eq!(
        up(
            "src/service/mod.rs",
            "use super::pack; use crate::service::x::pack;"
        ),
        [""; 0]
    );
    assert_eq!(up("src/service/rpc/mod.rs", "use super::cli;"), [""; 0]);
}

#[test]
fn what_is_not_pure_is_found() {
    let found = |text| impurities(&source("src/evidence/a.rs", text));
    assert_eq!(found("use std::fs;"), ["uses fs"]);
    assert_eq!(found("use std::{fmt, net::TcpStream};"), ["uses net"]);
    assert_eq!(
        found("let t = std::time::Instant::now();"),
        ["uses Instant"]
    );
    assert_eq!(found("use rayon::prelude::*;"), ["uses rayon"]);
    assert_eq!(found("pub async fn f() {}"), ["uses async"]);
    assert_eq!(
        found("use std::fmt; // std::fs\nconst S: &str = \"tokio::spawn\";"),
        [""; 0]
    );
    assert_eq!(
        found("#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n"),
        [""; 0]
    );
    assert_eq!(
        impurities(&source("src/store/a.rs", "use std::fs;")),
        [""; 0]
    );
}

#[test]
fn stray_async_is_found() {
    let found = |path| stray_async(&source(path, "async fn f() { tokio::spawn(g()).await }"));
    assert_eq!(
        found("src/pack/mod.rs"),
        ["uses tokio", "uses async", "uses await"]
    );
    assert_eq!(found("src/service/mod.rs"), [""; 0]);
}

#[test]
fn long_functions_are_found() {
    let body = "    a();\n".repeat(FUNCTION_LINES_MAX);
    let long = format!(
        "fn short() {{}}\nfn long(a: [u8; 3]) {{\n{body}}}\ntrait T {{ fn none(&self); }}\n"
    );
    let found = source("src/pack/mod.rs", &long).functions();
    let expected = [
        ("short".to_owned(), 1),
        ("long".to_owned(), FUNCTION_LINES_MAX + 2),
    ];
    assert_eq!(found, expected);
    assert_eq!(long_functions(&source("src/pack/mod.rs", &long)).len(), 1);
}

#[test]
fn empty_words_and_unfinished_work_are_found() {
    assert_eq!(
        empty_words(&source("src/pack/utils.rs", "")),
        ["says utils"]
    );
    assert_eq!(
        empty_words(&source("src/pack/a.rs", "struct KeyManager;")),
        ["says manager"]
    );
    let later = format!("a\n// {}: later\n", concat!("TO", "DO"));
    assert_eq!(saying(&UNFINISHED, &later).len(), 1);
}
