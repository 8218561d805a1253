//! Results on standard output, in the format that was asked for.
//!
//! A result knows how it reads as text, as Markdown and as JSON. JSON is an interface: every document names its
//! format and version, and hashes stand in it in full. A reader that goes away, such as `head`, is no error.

use std::io::{self, Write};

use serde::Serialize;

use super::{error::CliError, text::safe_json};

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs: versioned JSON; one document a line where there are several
    Json,
    /// For the summary page of a pipeline, or a ticket
    Markdown,
}

/// A result that can be printed.
pub(super) trait Render {
    /// The format's name and version in JSON, such as `exhibit-recorded/1`.
    const FORMAT: &'static str;

    /// For people. Colours may be in it; they are taken out where they are not wanted.
    fn text(&self, out: &mut dyn Write) -> io::Result<()>;

    /// For a page that renders Markdown.
    fn markdown(&self, out: &mut dyn Write) -> io::Result<()>;

    /// For programs, without the format's name.
    fn json(&self) -> serde_json::Result<serde_json::Value>;
}

#[derive(Serialize)]
struct Versioned {
    format: &'static str,
    #[serde(flatten)]
    body: serde_json::Value,
}

/// Standard output.
pub(super) struct Output {
    format: Format,
    out: Box<dyn Write>,
    in_colour: bool,
}

impl Output {
    /// Prints to the standard output of the process.
    pub(super) fn new(format: Format) -> Self {
        let stdout = io::stdout();
        let colours = anstream::AutoStream::choice(&stdout);
        Self {
            format,
            in_colour: colours != anstream::ColorChoice::Never,
            out: Box::new(stdout.lock()),
        }
    }

    /// The format that was asked for.
    pub(super) const fn format(&self) -> Format {
        self.format
    }

    /// Prints the one result of a command.
    pub(super) fn print<R: Render>(&mut self, result: &R) -> Result<(), CliError> {
        self.emit(result, true)
    }

    /// Prints one result of many: JSON stands on one line.
    pub(super) fn print_one_of_many<R: Render>(&mut self, result: &R) -> Result<(), CliError> {
        self.emit(result, false)
    }

    fn emit<R: Render>(&mut self, result: &R, pretty: bool) -> Result<(), CliError> {
        let mut bytes = Vec::new();
        match self.format {
            Format::Text => result.text(&mut bytes),
            Format::Markdown => result.markdown(&mut bytes),
            Format::Json => json_text(result, pretty).map(|text| bytes = text.into_bytes()),
        }
        .map_err(CliError::Output)?;
        if !self.in_colour {
            bytes = anstream::adapter::strip_bytes(&bytes).into_vec();
        }
        self.write(&bytes)
    }

    /// Writes a line of text, with its colours where they are wanted.
    #[cfg(feature = "server")]
    pub(super) fn line(&mut self, line: &str) -> Result<(), CliError> {
        let line = format!("{line}\n").into_bytes();
        if self.in_colour {
            return self.write(&line);
        }
        self.write(&anstream::adapter::strip_bytes(&line).into_vec())
    }

    /// Writes bytes as they are.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.out
            .write_all(bytes)
            .and_then(|()| self.out.flush())
            .map_err(|error| match error.kind() {
                io::ErrorKind::BrokenPipe => CliError::OutputClosed,
                _ => CliError::Output(error),
            })
    }
}

/// The JSON document of a result, with its newline.
pub(super) fn json_text<R: Render>(result: &R, pretty: bool) -> io::Result<String> {
    let document = Versioned {
        format: R::FORMAT,
        body: result.json()?,
    };
    let text = if pretty {
        serde_json::to_string_pretty(&document)?
    } else {
        serde_json::to_string(&document)?
    };
    Ok(format!("{}\n", safe_json(&text)))
}

/// Prints names and values as aligned lines of text.
pub(super) fn fields(out: &mut dyn Write, fields: &[(&str, String)]) -> io::Result<()> {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    fields.iter().try_for_each(|(name, value)| {
        let value = super::text::safe(value);
        writeln!(out, "{name:width$}  {value}")
    })
}

/// Prints names and values as a Markdown table.
pub(super) fn field_table(out: &mut dyn Write, fields: &[(&str, String)]) -> io::Result<()> {
    writeln!(out, "| | |\n| --- | --- |")?;
    fields.iter().try_for_each(|(name, value)| {
        let value = super::text::markdown(value);
        writeln!(out, "| {name} | {value} |")
    })
}
