//! The keys there are: for each its name, its parser, how it is shown, and what it is for.

use std::{fmt, ops::RangeInclusive, path::PathBuf, time::Duration};

use super::{Config, HttpListen, LEVEL_DEFAULT, LogFormat};
use crate::service::cosigning::OnUnmet;

/// One key.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) set: fn(&mut Config, &str) -> Result<(), String>,
    pub(super) show: fn(&Config) -> String,
}

macro_rules! key {
    ($name:literal, $about:literal, $($field:ident).+, $parse:expr, $show:expr) => {
        Key {
            name: $name,
            about: $about,
            set: |config, text| {
                config.$($field).+ = $parse(text)?;
                Ok(())
            },
            show: |config| $show(&config.$($field).+),
        }
    };
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const MONTH: Duration = Duration::from_secs(31 * 24 * 3600);

/// All of them, in the order they are shown.
pub(super) static KEYS: [Key; 24] = [
    key!(
        "listen",
        "address and port to listen on",
        listen,
        |text: &str| text
            .parse()
            .map_err(|_| format!("{text:?} is not an address with a port, such as 127.0.0.1:8087")),
        ToString::to_string
    ),
    key!(
        "http.listen",
        "where tiles are read over HTTP: same (with gRPC), an address and port of its own, or off",
        http.listen,
        |text: &str| {
            match text {
            "same" => Ok(HttpListen::Same),
            "off" => Ok(HttpListen::Off),
            _ => text.parse().map(HttpListen::Own).map_err(|_| format!(
                "{text:?} is neither same nor off nor an address with a port, such as 127.0.0.1:8088"
            )),
        }
        },
        ToString::to_string
    ),
    key!(
        "http.kept_bytes",
        "bytes of tiles and entry bundles that are kept ready in memory",
        http.kept_bytes,
        |text| bytes(text, 0..=4 * GIB),
        show_bytes
    ),
    key!(
        "limits.queue_bytes",
        "bytes of events that may wait to be written",
        limits.queue_bytes,
        |text| bytes(text, MIB..=4 * GIB),
        show_bytes
    ),
    key!(
        "limits.message_bytes_max",
        "bytes a message may have on the wire",
        limits.message_bytes_max,
        |text| bytes(text, 64 * KIB..=64 * MIB),
        show_bytes
    ),
    key!(
        "limits.connections_max",
        "connections at a time; more wait to be accepted",
        limits.connections_max,
        |text| number(text, 1..=1_000_000),
        ToString::to_string
    ),
    key!(
        "limits.calls_max",
        "calls at a time on one connection",
        limits.calls_max,
        |text| number(text, 1..=1_000_000),
        ToString::to_string
    ),
    key!(
        "limits.stream_events_max",
        "events of one stream that were read and whose answers were not yet taken",
        limits.stream_events_max,
        |text| number(text, 1..=1_000_000),
        ToString::to_string
    ),
    key!(
        "limits.exports_max",
        "audit packs that are exported at a time; more are refused",
        limits.exports_max,
        |text| number(text, 1..=64),
        ToString::to_string
    ),
    key!(
        "limits.answer_timeout",
        "how long a client may leave answers untaken",
        limits.answer_timeout,
        |text| duration(text, Duration::from_millis(100)..=HOUR),
        show_duration
    ),
    key!(
        "limits.grace_period",
        "how long calls may go on after the server was told to stop",
        limits.grace_period,
        |text| duration(text, Duration::ZERO..=HOUR),
        show_duration
    ),
    key!(
        "limits.keepalive_interval",
        "after this long without a word a client is asked whether it is there",
        limits.keepalive_interval,
        |text| duration(text, Duration::from_secs(1)..=HOUR),
        show_duration
    ),
    key!(
        "limits.keepalive_timeout",
        "how long it may take to say so",
        limits.keepalive_timeout,
        |text| duration(text, Duration::from_secs(1)..=HOUR),
        show_duration
    ),
    key!(
        "witness.policy",
        "file with the policy whose witnesses cosign the checkpoints, or none",
        witness.policy,
        |text: &str| Ok::<_, String>((text != "none").then(|| PathBuf::from(text))),
        |path: &Option<PathBuf>| path
            .as_ref()
            .map_or_else(|| "none".to_owned(), |path| path.display().to_string())
    ),
    key!(
        "witness.interval",
        "how long to rest between checkpoints that no append waits for",
        witness.cosigning.interval,
        |text| duration(text, Duration::from_millis(10)..=DAY),
        show_duration
    ),
    key!(
        "witness.timeout",
        "how long witnesses may take to answer",
        witness.cosigning.timeout,
        |text| duration(text, Duration::from_millis(10)..=Duration::from_secs(300)),
        show_duration
    ),
    key!(
        "witness.on_unmet",
        "where the policy is not met: publish the checkpoint all the same, or hold it back",
        witness.cosigning.on_unmet,
        |text| match text {
            "publish" => Ok(OnUnmet::Publish),
            "hold" => Ok(OnUnmet::Hold),
            _ => Err(format!("{text:?} is neither publish nor hold")),
        },
        ToString::to_string
    ),
    key!(
        "journal.segment_bytes",
        "bytes after which the next segment file is begun",
        journal.segment_bytes,
        |text| bytes(text, 64 * KIB..=64 * GIB),
        |n: &u64| show_bytes(n)
    ),
    key!(
        "journal.compression_level",
        "Zstandard level, -7 (fast) to 19 (small)",
        journal.compression_level,
        level,
        ToString::to_string
    ),
    key!(
        "timestamps.authorities",
        "URLs of RFC 3161 time stamping authorities, separated by spaces, or none",
        timestamps.authorities,
        authorities,
        |all: &Vec<String>| if all.is_empty() {
            "none".to_owned()
        } else {
            all.join(" ")
        }
    ),
    key!(
        "timestamps.interval",
        "how long after a time stamp the next one is asked for, if there are new entries",
        timestamps.interval,
        |text| duration(text, Duration::from_secs(1)..=MONTH),
        show_duration
    ),
    key!(
        "timestamps.timeout",
        "how long a time stamping authority may take to answer",
        timestamps.timeout,
        |text| duration(text, Duration::from_millis(100)..=HOUR),
        show_duration
    ),
    key!(
        "log.format",
        "text or json",
        log.format,
        |text| match text {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err(format!("{text:?} is neither text nor json")),
        },
        ToString::to_string
    ),
    key!(
        "log.level",
        "error, warn, info, debug or trace, or a filter such as info,exhibit=debug",
        log.level,
        log_filter,
        String::clone
    ),
];

impl fmt::Display for HttpListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("same"),
            Self::Own(address) => address.fmt(f),
            Self::Off => f.write_str("off"),
        }
    }
}

impl fmt::Display for OnUnmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Publish => "publish",
            Self::Hold => "hold",
        })
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

fn number<N: TryFrom<u64>>(text: &str, range: RangeInclusive<u64>) -> Result<N, String> {
    let value = text
        .parse()
        .map_err(|_| format!("{text:?} is not a whole number such as {}", range.start()))?;
    within(value, &range, |n| n.to_string())
}

/// A level, or a filter of them. A bare word that is none would be taken for a module's name, and nothing be logged.
fn log_filter(text: &str) -> Result<String, String> {
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |word: &str| levels.iter().any(|level| level.eq_ignore_ascii_case(word));
    let fits = |directive: &str| {
        let level = directive
            .rsplit_once('=')
            .map_or(directive, |(_, level)| level);
        is_level(level.trim())
    };
    match text.split(',').find(|directive| !fits(directive)) {
        None => Ok(text.to_owned()),
        Some(wrong) => Err(format!(
            "{wrong:?} is no level: it is off, error, warn, info, debug or trace, or a filter such as info,exhibit=debug"
        )),
    }
}

/// The levels of Zstandard that are sensible for what is compressed once and read seldom.
fn level(text: &str) -> Result<i32, String> {
    let level: i32 = text
        .parse()
        .map_err(|_| format!("{text:?} is not a whole number such as {LEVEL_DEFAULT}"))?;
    let fits = (-7..=19).contains(&level).then_some(level);
    fits.ok_or_else(|| format!("{level} is out of bounds: it is at least -7 and at most 19"))
}

fn bytes<N: TryFrom<u64>>(text: &str, range: RangeInclusive<u64>) -> Result<N, String> {
    let (digits, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(end) => text.split_at(end),
        None => (text, ""),
    };
    let factor = match unit.trim() {
        "" => Some(1),
        "KiB" => Some(KIB),
        "MiB" => Some(MIB),
        "GiB" => Some(GIB),
        _ => None,
    };
    let value = digits
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(digits, factor)| digits.checked_mul(factor))
        .ok_or_else(|| format!("{text:?} is not a number of bytes such as 65536 or 64MiB"))?;
    within(value, &range, |n| show_bytes(&n))
}

fn within<N: TryFrom<u64>>(
    value: u64,
    range: &RangeInclusive<u64>,
    show: impl Fn(u64) -> String,
) -> Result<N, String> {
    let fits = N::try_from(value).ok().filter(|_| range.contains(&value));
    fits.ok_or_else(|| {
        format!(
            "{} is out of bounds: it is at least {} and at most {}",
            show(value),
            show(*range.start()),
            show(*range.end())
        )
    })
}

/// More authorities than anybody asks.
const AUTHORITIES_MAX: usize = 8;

fn authorities(text: &str) -> Result<Vec<String>, String> {
    if text.trim() == "none" {
        return Ok(Vec::new());
    }
    let urls: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let is_url = |url: &&String| {
        let rest = url
            .strip_prefix("http://")
            .or_else(|| url.strip_prefix("https://"));
        rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some(wrong) = urls.iter().find(is_url) {
        return Err(format!(
            "{wrong:?} is not a URL such as https://tsa.example.com/tsr; separate several by spaces, or write none"
        ));
    }
    let repeated = urls
        .iter()
        .zip(1..)
        .find(|(url, next)| urls.iter().skip(*next).any(|u| u == *url));
    if let Some((url, _)) = repeated {
        return Err(format!("{url:?} is there twice"));
    }
    if urls.len() > AUTHORITIES_MAX {
        return Err(format!(
            "{} are too many; at most {AUTHORITIES_MAX}",
            urls.len()
        ));
    }
    Ok(urls)
}

/// Reads a length of time with its unit, such as `10s`.
pub(crate) fn duration(text: &str, range: RangeInclusive<Duration>) -> Result<Duration, String> {
    let value = text
        .parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|value| Duration::try_from(value).ok())
        .ok_or_else(|| format!("{text:?} is not a length of time such as 10s or 500ms"))?;
    if range.contains(&value) {
        Ok(value)
    } else {
        Err(format!(
            "{} is out of bounds: it is at least {} and at most {}",
            show_duration(&value),
            show_duration(range.start()),
            show_duration(range.end())
        ))
    }
}

fn show_bytes<N: Copy + TryInto<u64>>(value: &N) -> String {
    let value = (*value).try_into().unwrap_or(u64::MAX);
    [(GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")]
        .into_iter()
        .find_map(|(unit, name)| {
            let whole = value.checked_div(unit).filter(|whole| *whole > 0)?;
            value.is_multiple_of(unit).then(|| format!("{whole}{name}"))
        })
        .unwrap_or_else(|| value.to_string())
}

fn show_duration(value: &Duration) -> String {
    jiff::SignedDuration::try_from(*value)
        .map_or_else(|_| format!("{value:?}"), |d| format!("{d:#}"))
}
