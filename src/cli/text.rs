//! Text for people: colours, and nothing in it that a terminal would obey.

use std::{borrow::Cow, fmt};

pub(super) use crate::pack::counted::{counted, grouped};

/// Styles. They only repeat what the words say.
pub(super) mod style {
    use anstyle::{AnsiColor, Style};

    /// Refused, broken, failed.
    pub(in super::super) const BAD: Style = AnsiColor::Red.on_default().bold();
    /// Not everything, not sure.
    pub(in super::super) const DOUBTFUL: Style = AnsiColor::Yellow.on_default().bold();
    /// As it should be.
    pub(in super::super) const GOOD: Style = AnsiColor::Green.on_default().bold();
    /// Names of fields.
    pub(in super::super) const LABEL: Style = Style::new().bold();
}

/// Styles text; the stream takes the colours out again where they are not wanted.
pub(super) fn paint(style: anstyle::Style, text: impl fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Whether a character moves the cursor, changes the terminal, or makes text read in another order.
fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Escapes every active character: evidence is other people's text.
pub(super) fn safe(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// As [`safe`], for text of several lines.
pub(super) fn safe_lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| matches!(c, '\n' | '\t'))
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    let active = |c: char| is_active(c) && !keep(c);
    if !text.contains(active) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len().saturating_add(16));
    for c in text.chars() {
        if active(c) {
            escaped.extend(c.escape_unicode());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Escapes in JSON text what `serde_json` leaves: such characters only stand inside strings there.
pub(super) fn safe_json(json: &str) -> Cow<'_, str> {
    let active = |c: char| is_active(c) && c != '\n';
    if !json.contains(active) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len().saturating_add(16));
    for c in json.chars() {
        if active(c) {
            // All of them are in the basic plane: one unit each.
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Makes text safe within a Markdown table cell or line.
pub(super) fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in safe(text).chars() {
        if matches!(
            c,
            '|' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '\\' | '#'
        ) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Breaks JSON into indented lines, and changes nothing else: order and numbers stay as they were sent.
pub(super) fn indented(json: &str) -> String {
    let mut text = String::with_capacity(json.len().saturating_mul(2));
    let mut depth: usize = 0;
    let mut in_string = false;
    let mut escaped = false;
    let mut rest = json.chars().peekable();
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(c) = rest.next() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            text.push(c);
            continue;
        }
        match c {
            ' ' | '\t' | '\r' | '\n' => {}
            '{' | '[' => {
                text.push(c);
                while rest.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = rest.next_if(|c| matches!(c, '}' | ']')) {
                    text.push(end);
                } else {
                    depth = depth.saturating_add(1);
                    line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut text, depth);
                text.push(c);
            }
            ',' => {
                text.push(c);
                line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            _ => {
                in_string = c == '"';
                text.push(c);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_terminal_gets_through() {
        assert_eq!(safe("a\u{1b}[2Jb\r\n"), "a\\u{1b}[2Jb\\u{d}\\u{a}");
        assert_eq!(safe("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(safe("user\u{202e}gpj.exe"), "user\\u{202e}gpj.exe");
        assert_eq!(safe("naïve, 日本 ✓"), "naïve, 日本 ✓");
        assert_eq!(safe_lines("a\n\tb\u{7}"), "a\n\tb\\u{7}");
    }

    #[test]
    fn escaped_json_is_the_same_value() {
        let value = serde_json::json!({ "subject": "a\u{9b}b\u{202e}c\u{1b}d" });
        let text = serde_json::to_string(&value).unwrap();
        let escaped = safe_json(&text);
        assert!(!escaped.contains(is_active));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&escaped).unwrap(),
            value
        );
    }

    #[test]
    fn indenting_json_changes_nothing_but_white_space() {
        let json = r#"{"b":[1.0e400,{},[ ],"x,{\"\\"],"a":{ "c" : null}}"#;
        let expected = r#"{
  "b": [
    1.0e400,
    {},
    [],
    "x,{\"\\"
  ],
  "a": {
    "c": null
  }
}"#;
        assert_eq!(indented(json), expected);
    }
}
