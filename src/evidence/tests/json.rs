//! JSON as somebody else writes it.
#![allow(clippy::arithmetic_side_effects)]

use super::*;

#[test]
fn json_that_readers_could_take_differently_is_refused() {
    let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let brackets_in_text = format!(r#"{{"a":"\"{}"}}"#, "[{".repeat(200));
    for good in [
        "{}",
        " \n{\"a\":1}\n",
        r#"{"a":{"a":1},"b":{"a":1}}"#,
        r#"{"a":[1.5e3,-0,true,null,"\ud83d\ude80"]}"#,
        &nested(JSON_DEPTH_MAX),
        &brackets_in_text,
    ] {
        assert_eq!(check_json_object(good.as_bytes()), Ok(()), "{good}");
    }
    let long = format!(r#"{{"a":"{}"}}"#, "a".repeat(1 << 20));
    for bad in [
        "",
        " ",
        "null",
        "[{}]",
        "{",
        "{}{}",
        "{} x",
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"b":[{"x":{"a":1,"c":2,"a":1}}]}"#,
        r#"{"a":01}"#,
        r#"{"a":1e999}"#,
        r#"{"a":NaN}"#,
        r#"{"a":"\ud800"}"#,
        r#"{'a':1}"#,
        r#"{"a":1,}"#,
        "{\"a\":\"\n\"}",
        "\u{feff}{}",
        &nested(JSON_DEPTH_MAX + 1),
        &nested(100_000),
        &"{\"a\":[".repeat(100_000),
        &long,
    ] {
        assert!(check_json_object(bad.as_bytes()).is_err(), "{:.80}", bad);
    }
    assert!(check_json_object(b"{\"a\":\"\xff\"}").is_err());
}

#[test]
fn posted_json_has_exactly_one_kind_of_evidence() {
    let with = |evidence: &str| {
        let json = format!(r#"{{"source":"urn:ci:1","event_id":"1"{evidence}}}"#);
        PostedEvent::from_json(json.as_bytes())
    };
    let run = r#","test_run":{"suite":"unit","outcome":"succeeded"}"#;
    let custom = r#","custom":{"type":"a","json":{ "b" : 1 }}"#;
    assert!(with(run).is_ok());
    let Evidence::Custom(kept) = with(custom).unwrap().evidence else {
        panic!("not custom");
    };
    assert_eq!(kept.json, br#"{ "b" : 1 }"#);
    for bad in [
        String::new(),
        format!("{run}{custom}"),
        format!("{run}{run}"),
        r#","incident":{}"#.to_owned(),
        r#","test_run":{"suite":"unit"}"#.to_owned(),
        r#","test_run":{"suite":"unit","outcome":"SUCCEEDED"}"#.to_owned(),
        r#","test_run":{"suite":"unit","outcome":"succeeded","colour":"red"}"#.to_owned(),
        r#","test_run":{"suite":"unit","outcome":"succeeded","started_at":"yesterday"}"#.to_owned(),
        r#","custom":{"type":"a","json":{},"parts":[{"name":"a","content_type":"a/b"}]}"#
            .to_owned(),
    ] {
        assert!(with(&bad).is_err(), "{bad}");
    }
}
