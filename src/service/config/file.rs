//! The settings file, flattened: each value with its dotted key and its line.

use std::{io::ErrorKind, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{ConfigError, Source};

/// A value in the file.
pub(super) struct Given {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) source: Source,
}

/// Reads the file; one that is not there sets nothing.
pub(super) fn read(path: &Path) -> Result<Vec<Given>, ConfigError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(ConfigError::Unreadable {
                path: path.to_owned(),
                error,
            });
        }
    };
    let table = DeTable::parse(&text).map_err(|error| ConfigError::NotToml {
        path: path.to_owned(),
        line: line_of(&text, error.span().map_or(0, |span| span.start)),
        problem: error.message().to_owned(),
    })?;
    let mut all = Vec::new();
    flatten("", table.get_ref(), &mut |key, at, value| {
        all.push(Given {
            key,
            value,
            source: Source::File(path.to_owned(), line_of(&text, at)),
        });
    });
    Ok(all)
}

fn flatten(prefix: &str, table: &DeTable<'_>, found: &mut impl FnMut(String, usize, String)) {
    for (key, value) in table {
        let name = if prefix.is_empty() {
            key.get_ref().to_string()
        } else {
            format!("{prefix}.{}", key.get_ref())
        };
        match value.get_ref() {
            DeValue::Table(inner) => flatten(&name, inner, found),
            _ => found(name, key.span().start, text_of(value)),
        }
    }
}

fn text_of(value: &Spanned<DeValue<'_>>) -> String {
    match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        // No key takes a list: the parsers refuse this text and show it.
        DeValue::Array(_) | DeValue::Table(_) => "a list, not one value".to_owned(),
    }
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or(text);
    before.matches('\n').count().saturating_add(1)
}
