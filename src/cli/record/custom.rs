//! `exhibit record event`: anything that is not one of the typed events.

use std::path::PathBuf;

use super::{
    super::{args, error::CliError},
    EvidenceArgs,
    document::{self, Given},
};
use crate::evidence::{Custom, CustomPart, Evidence};

/// Record any other event, its JSON kept byte for byte
#[derive(Debug, clap::Args)]
pub(super) struct CustomArgs {
    /// The event's type, such as dev.cdevents.service.deployed.0.3.0; without it, the JSON is a whole event
    #[arg(long = "type", value_name = "TYPE", value_parser = args::text)]
    event_type: Option<String>,
    /// A file with a JSON object, kept as it is; without --type a whole event, with source, event_id and custom, as in the
    /// manual's page on events; - for standard input
    #[arg(long, value_name = "FILE|-", value_parser = args::path)]
    json: PathBuf,
    /// Personal content, kept beside the JSON so that it can be erased: NAME=TEXT or NAME=@FILE, and
    /// ;type=MEDIA-TYPE where it is not text/plain; may be repeated
    #[arg(long = "part", requires = "event_type", value_name = "NAME=CONTENT", value_parser = PartSource::parse)]
    parts: Vec<PartSource>,
}

const WHOLE: &str = "--type TYPE keeps any JSON object as it is; without it, give a whole event";

impl EvidenceArgs for CustomArgs {
    fn evidence(self) -> Result<Given, CliError> {
        let json = document::read(&self.json)?;
        let Some(event_type) = self.event_type else {
            return document::whole(&self.json, &json, "custom", WHOLE);
        };
        let parts: Result<_, CliError> = self.parts.into_iter().map(PartSource::part).collect();
        Ok(Given::Evidence(Evidence::Custom(Custom {
            event_type,
            json,
            parts: parts?,
        })))
    }
}

/// Where a part's content comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PartSource {
    name: String,
    content_type: String,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Text(String),
    File(PathBuf),
}

impl PartSource {
    fn parse(value: &str) -> Result<Self, String> {
        let shape = "write it as NAME=TEXT or NAME=@FILE, and ;type=MEDIA-TYPE behind it where it is not text/plain";
        let (name, rest) = value.split_once('=').ok_or(shape)?;
        let (content, content_type) = rest.rsplit_once(";type=").unwrap_or((rest, "text/plain"));
        if name.is_empty() || content.is_empty() || content == "@" || content_type.is_empty() {
            return Err(format!("a name, a content or a type is empty; {shape}"));
        }
        let content = match content.strip_prefix('@') {
            Some(path) => Content::File(PathBuf::from(path)),
            None => Content::Text(content.to_owned()),
        };
        Ok(Self {
            name: name.to_owned(),
            content_type: content_type.to_owned(),
            content,
        })
    }

    fn part(self) -> Result<CustomPart, CliError> {
        let content = match self.content {
            Content::Text(text) => text.into_bytes(),
            Content::File(path) => document::read(&path)?,
        };
        Ok(CustomPart {
            name: self.name,
            content_type: self.content_type,
            content,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_a_name_a_content_and_a_type() {
        let read = PartSource::parse("photo=@a=b.png;type=image/png").unwrap();
        assert_eq!(read.name, "photo");
        assert_eq!(read.content_type, "image/png");
        assert_eq!(read.content, Content::File(PathBuf::from("a=b.png")));
        let read = PartSource::parse("comment=all is well").unwrap();
        assert_eq!(read.content, Content::Text("all is well".to_owned()));
        for wrong in ["", "comment", "comment=", "=text", "a=@", "a=b;type="] {
            assert!(PartSource::parse(wrong).is_err(), "{wrong}");
        }
    }
}
