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

#[test]
fn an_empty_value_in_json_is_refused_and_never_taken_as_absent() {
    let approval = r#"{"change_id":"1","decision":"approved","approver":{"id":"u"}X}"#;
    let test_run = r#"{"suite":"unit","outcome":"succeeded"X}"#;
    let with = |json: &str, field: &str| json.replace('X', field);
    // Taken as absent, this approval would be one for every environment.
    for field in [r#","environment":"""#, r#","comment":"""#] {
        assert!(serde_json::from_str::<Approval>(&with(approval, field)).is_err());
    }
    let role = with(approval, "").replace(r#""id":"u""#, r#""id":"u","role":"""#);
    assert!(serde_json::from_str::<Approval>(&role).is_err());
    for field in [r#","tool":"""#, r#","attempt":0"#, r#","attempt":-1"#] {
        assert!(serde_json::from_str::<TestRun>(&with(test_run, field)).is_err());
    }
    let event = format!(
        r#"{{"source":"urn:ci:1","event_id":"1"X,"test_run":{}}}"#,
        with(test_run, "")
    );
    for field in [r#","subject":"""#, r#","source_sequence":0"#] {
        assert!(PostedEvent::from_json(with(&event, field).as_bytes()).is_err());
    }
    // The same without, or with something in it.
    let field = r#","environment":"production""#;
    assert!(serde_json::from_str::<Approval>(&with(approval, field)).is_ok());
    assert!(serde_json::from_str::<Approval>(&with(approval, "")).is_ok());
    assert!(serde_json::from_str::<TestRun>(&with(test_run, r#","attempt":1"#)).is_ok());
    assert!(PostedEvent::from_json(with(&event, r#","source_sequence":1"#).as_bytes()).is_ok());
}
