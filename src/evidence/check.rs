//! Checking: where a field stands, what it may hold, and everything that is wrong with an event at once.
//!
//! A [`Path`] is built on the stack and becomes text only when something is refused, so that a valid event costs no
//! allocation. Problems never repeat what a field holds: it may be personal, or long.

use std::fmt;

use crate::ledger::{
    event::{AHEAD_MAX, InvalidEvent, line_problem},
    position::UnixNanos,
};

/// The most violations that are named for one event; the last then says how many there are besides.
pub const VIOLATIONS_MAX: usize = 50;

/// Names a field, from the event down.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    /// The event itself.
    Event,
    /// A field of what the path names.
    Field(&'a Path<'a>, &'static str),
    /// An item of the list that the path names.
    Item(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub(crate) const fn field(&'a self, name: &'static str) -> Self {
        Self::Field(self, name)
    }

    pub(crate) const fn item(&'a self, position: usize) -> Self {
        Self::Item(self, position)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event => Ok(()),
            Self::Field(Path::Event, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, position) => write!(f, "{parent}[{position}]"),
        }
    }
}

/// Collects what is wrong with one event.
pub(crate) struct Check {
    now: UnixNanos,
    violations: Vec<InvalidEvent>,
    unnamed: usize,
}

impl Check {
    pub(crate) const fn new(now: UnixNanos) -> Self {
        Self {
            now,
            violations: Vec::new(),
            unnamed: 0,
        }
    }

    /// Everything that was refused, in the order of the fields; empty for a valid event.
    pub(crate) fn into_violations(mut self) -> Vec<InvalidEvent> {
        if self.unnamed > 0 {
            let problem = format!("{} further problems are not listed", self.unnamed);
            self.violations.push(InvalidEvent::new("event", problem));
        }
        self.violations
    }

    /// Whether nothing has been refused so far.
    #[cfg(feature = "server")]
    pub(crate) fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    pub(crate) fn refuse(&mut self, at: Path<'_>, problem: impl Into<String>) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations
                .push(InvalidEvent::new(at.to_string(), problem));
        } else {
            self.unnamed = self.unnamed.saturating_add(1);
        }
    }

    /// A required line: 1 to `bytes_max` bytes.
    pub(crate) fn line(&mut self, at: Path<'_>, text: &str, bytes_max: usize) {
        if text.is_empty() {
            self.refuse(at, "is empty; it must be given");
        } else if self.fits(at, text, bytes_max)
            && let Some(problem) = line_problem(text)
        {
            self.refuse(at, problem);
        }
    }

    /// A line that may be left out, but not be empty.
    pub(crate) fn given_line(&mut self, at: Path<'_>, text: Option<&str>, bytes_max: usize) {
        match text {
            None => {}
            Some("") => self.refuse(at, "is empty; leave it out or say something"),
            Some(text) => self.line(at, text, bytes_max),
        }
    }

    /// Free text that may be left out: newlines and tabs are allowed.
    pub(crate) fn given_text(&mut self, at: Path<'_>, text: Option<&str>, bytes_max: usize) {
        let Some(text) = text else { return };
        if text.is_empty() {
            self.refuse(at, "is empty; leave it out or say something");
        } else if self.fits(at, text, bytes_max)
            && text
                .chars()
                .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        {
            self.refuse(
                at,
                "has a control character other than newline and tab; remove it",
            );
        }
    }

    /// A list of lines.
    pub(crate) fn lines(
        &mut self,
        at: Path<'_>,
        lines: &[String],
        items_max: usize,
        bytes_max: usize,
    ) {
        self.list(at, lines, items_max, |line, at, check| {
            check.line(at, line, bytes_max);
        });
    }

    /// A list, item by item; of one that is too long only that is said.
    pub(crate) fn list<'t, T>(
        &mut self,
        at: Path<'_>,
        items: &'t [T],
        items_max: usize,
        mut each: impl FnMut(&'t T, Path<'_>, &mut Self),
    ) {
        if items.len() > items_max {
            let problem = format!("has {} items; give at most {items_max}", items.len());
            self.refuse(at, problem);
            return;
        }
        for (position, item) in items.iter().enumerate() {
            each(item, at.item(position), self);
        }
    }

    /// An absolute URI: a scheme, a colon, something behind it, and no white space.
    pub(crate) fn uri(&mut self, at: Path<'_>, uri: &str, bytes_max: usize) {
        if uri.is_empty() {
            self.refuse(at, "is empty; it must be given");
        } else if self.fits(at, uri, bytes_max) && !is_absolute_uri(uri) {
            self.refuse(
                at,
                "is not an absolute URI such as `https://ci.example.com/acme/payments`",
            );
        }
    }

    /// The digest of an artifact.
    pub(crate) fn digest(&mut self, at: Path<'_>, digest: &str) {
        let well_formed = match digest.split_once(':') {
            Some(("sha256", hex)) => hex.len() == 64 && is_lower_hex(hex),
            Some(("sha512", hex)) => hex.len() == 128 && is_lower_hex(hex),
            _ => false,
        };
        if digest.is_empty() {
            self.refuse(at, "is empty; it must be given");
        } else if !well_formed {
            self.refuse(
                at,
                "is not `sha256:` and 64, or `sha512:` and 128, lower-case hex digits",
            );
        }
    }

    /// A commit id.
    pub(crate) fn commit(&mut self, at: Path<'_>, commit: &str) {
        if commit.is_empty() {
            self.refuse(at, "is empty; it must be given");
        } else if !(matches!(commit.len(), 40 | 64) && is_lower_hex(commit)) {
            self.refuse(
                at,
                "is not a full commit id of 40 or 64 lower-case hex digits",
            );
        }
    }

    /// A time of what may be yet to come.
    pub(crate) fn time(&mut self, at: Path<'_>, time: Option<UnixNanos>) {
        if time == Some(UnixNanos::default()) {
            self.refuse(
                at,
                "is the first instant of 1970; leave it out if it is not known",
            );
        }
    }

    /// A time of what has happened: at most a day ahead of the ledger's clock.
    pub(crate) fn happened(&mut self, at: Path<'_>, time: Option<UnixNanos>) {
        self.time(at, time);
        let latest = UnixNanos::new(self.now.value().saturating_add(AHEAD_MAX.value()));
        if time > Some(latest) {
            let problem = format!(
                "is over a day ahead of the ledger's clock, {}; check the producer's clock",
                self.now.to_rfc3339()
            );
            self.refuse(at, problem);
        }
    }

    /// Two times of which the second must not be before the first.
    pub(crate) fn in_order(
        &mut self,
        (first, from): (&'static str, Option<UnixNanos>),
        (second, until): (Path<'_>, Option<UnixNanos>),
    ) {
        if let (Some(from), Some(until)) = (from, until)
            && until < from
        {
            let problem = format!("is before `{first}`; give it the same time or a later one");
            self.refuse(second, problem);
        }
    }

    /// Whether text is short enough; refuses it if not.
    fn fits(&mut self, at: Path<'_>, text: &str, bytes_max: usize) -> bool {
        let fits = text.len() <= bytes_max;
        if !fits {
            let problem = format!(
                "has {} bytes; shorten it to at most {bytes_max}",
                text.len()
            );
            self.refuse(at, problem);
        }
        fits
    }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_absolute_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let scheme_fits = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"' | b'\\');
    let clean = rest.bytes().all(plain)
        || !rest
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\\'));
    // `https:` alone, or `https://`, names nothing.
    scheme_fits && clean && !rest.trim_start_matches('/').is_empty()
}
