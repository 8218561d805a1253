//! Where values come from, and what is refused.

use super::*;

fn gather(
    file: &str,
    variables: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<(Config, Vec<Setting>), ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(CONFIG_FILE), file).unwrap();
    let overrides: Vec<Override> = flags
        .iter()
        .map(|(key, value)| Override {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
            flag: format!("--{key}"),
        })
        .collect();
    let variable = |name: &str| {
        let found = variables.iter().find(|(n, _)| *n == name);
        found.map(|(_, value)| OsString::from(value))
    };
    Config::gather(dir.path(), variable, &overrides)
}

fn error(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> String {
    gather(file, variables, flags).unwrap_err().to_string()
}

#[test]
fn flag_goes_before_variable_before_file_before_default() {
    let file =
        "listen = \"127.0.0.1:1\"\n[limits]\nqueue_bytes = 2097152\nmessage_bytes_max = \"3MiB\"\n";
    let variables = [
        ("EXHIBIT_LISTEN", "127.0.0.1:2"),
        ("EXHIBIT_LIMITS_QUEUE_BYTES", "4MiB"),
    ];
    let (config, settings) = gather(file, &variables, &[("listen", "127.0.0.1:3")]).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.limits.queue_bytes, 4 << 20);
    assert_eq!(config.limits.message_bytes_max, 3 << 20);
    assert_eq!(config.limits.calls_max, Limits::default().calls_max);
    let source = |key: &str| {
        let setting = settings.iter().find(|setting| setting.key == key).unwrap();
        setting.source.to_string()
    };
    assert_eq!(source("listen"), "--listen");
    assert_eq!(source("limits.queue_bytes"), "$EXHIBIT_LIMITS_QUEUE_BYTES");
    assert!(source("limits.message_bytes_max").ends_with("exhibit.toml:4"));
    assert_eq!(source("limits.calls_max"), "default");
}

#[test]
fn a_key_that_does_not_exist_is_refused_with_file_line_and_the_keys_there_are() {
    let told = error("[limits]\n# a typo\nqueue_byte = 1\n", &[], &[]);
    assert!(told.contains("exhibit.toml:3"), "{told}");
    assert!(told.contains("\"limits.queue_byte\""), "{told}");
    assert!(told.contains("limits.queue_bytes, "), "{told}");
    let told = error("[limit]\nqueue_bytes = 1\n", &[], &[]);
    assert!(told.contains("\"limit.queue_bytes\""), "{told}");
    let told = error("limits = 3", &[], &[]);
    assert!(told.contains("\"limits\""), "{told}");
}

#[test]
fn an_empty_value_is_refused_wherever_it_stands() {
    assert!(error("listen = \"\"", &[], &[]).contains("empty"));
    let told = error("", &[("EXHIBIT_LISTEN", "")], &[]);
    assert!(
        told.contains("$EXHIBIT_LISTEN") && told.contains("empty"),
        "{told}"
    );
    assert!(error("", &[], &[("listen", " ")]).contains("--listen"));
}

#[test]
fn a_value_the_key_can_not_have_is_refused_and_says_what_would_be_right() {
    for (file, right) in [
        ("listen = \"localhost\"", "127.0.0.1:8087"),
        ("limits.queue_bytes = 10", "at least"),
        ("limits.queue_bytes = -1", "64MiB"),
        ("limits.queue_bytes = [1]", "one value"),
        ("limits.grace_period = 10", "10s"),
        ("limits.grace_period = \"-10s\"", "10s"),
        ("log.format = \"xml\"", "json"),
        ("log.level = \"loud\"", "error, warn, info"),
        ("log.level = \"info,exhibit=loud\"", "exhibit=loud"),
        ("journal.compression_level = 99", "at most 19"),
        ("journal.compression_level = -8", "at least -7"),
        ("journal.compression_level = \"fast\"", "whole number"),
        ("listen = ", "exhibit.toml:1"),
    ] {
        let told = error(file, &[], &[]);
        assert!(told.contains(right), "{file}: {told}");
    }
}

#[test]
fn what_is_shown_reads_back_as_the_same_settings() {
    let (config, settings) = gather("", &[], &[]).unwrap();
    assert_eq!(config, Config::default());
    let flags: Vec<(&str, &str)> = settings
        .iter()
        .map(|setting| (setting.key, setting.value.as_str()))
        .collect();
    assert_eq!(gather("", &[], &flags).unwrap().0, config);
}
