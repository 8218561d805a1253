//! Answers: conditions, encodings, headers, refusals.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header},
};
use std::io::Write as _;

use super::{
    content::Content,
    resource::{MalformedPath, Resource},
};
use crate::ledger::position::TreeSize;

/// Tiles never change, so a year, which is for ever.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// How long a checkpoint may be kept: seconds.
const SECONDS: HeaderValue = HeaderValue::from_static("public, max-age=2");
/// How long the key and the page may be kept.
const MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");
/// What is not there now may be there in a moment.
const NOT_AT_ALL: HeaderValue = HeaderValue::from_static("no-store");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");
const READING: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const ANYONE: HeaderValue = HeaderValue::from_static("*");
const ZSTD_LEVEL: i32 = 3;

/// How content is encoded on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// Why there is no content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// Nothing is ever here.
    #[error("nothing is served here; see /")]
    Unknown,
    /// The path of a tile is misspelled.
    #[error(transparent)]
    Malformed(#[from] MalformedPath),
    /// The ledger is too small for it.
    #[error("the ledger has no such tile; it has {size} entries")]
    NotThere {
        /// How many entries there are.
        size: TreeSize,
    },
    /// The witnesses have not seen a checkpoint yet.
    #[error(
        "no checkpoint has been witnessed yet; try again, or ask the ledger's operator about its witnesses"
    )]
    NotWitnessed,
    /// The index has stopped.
    #[error("the ledger has stopped; its operator has to restart it")]
    Stopped,
    /// The disk, or what is on it.
    #[error("the ledger can't read this; its operator finds out more in its log")]
    Damaged,
}

impl Refused {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Unknown | Self::NotThere { .. } => StatusCode::NOT_FOUND,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::NotWitnessed | Self::Stopped => StatusCode::SERVICE_UNAVAILABLE,
            Self::Damaged => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl Encoding {
    /// Encodes content, unless that makes it longer.
    pub(super) fn apply(self, bytes: Vec<u8>) -> (Vec<u8>, Self) {
        let encoded = match self {
            Self::Identity => None,
            Self::Gzip => gzip(&bytes),
            Self::Zstd => zstd::bulk::compress(&bytes, ZSTD_LEVEL).ok(),
        };
        match encoded {
            Some(encoded) if encoded.len() < bytes.len() => (encoded, self),
            _ => (bytes, Self::Identity),
        }
    }

    const fn name(self) -> Option<HeaderValue> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some(HeaderValue::from_static("gzip")),
            Self::Zstd => Some(HeaderValue::from_static("zstd")),
        }
    }
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

/// The best encoding that the client takes. Hashes don't get shorter, and the rest is short.
pub(super) fn accepted(resource: Resource, headers: &HeaderMap) -> Encoding {
    if !matches!(resource, Resource::Entries(_)) {
        return Encoding::Identity;
    }
    let takes = |name: &str| {
        let values = headers.get_all(header::ACCEPT_ENCODING).into_iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        texts.flat_map(|text| text.split(',')).any(|offer| {
            let mut parts = offer.split(';').map(str::trim);
            let named = parts
                .next()
                .is_some_and(|coding| coding.eq_ignore_ascii_case(name));
            let refused = |part: &str| {
                let weight = part.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok());
                weight.is_some_and(|weight| weight <= 0.0)
            };
            named && !parts.any(refused)
        })
    };
    if takes("zstd") {
        Encoding::Zstd
    } else if takes("gzip") {
        Encoding::Gzip
    } else {
        Encoding::Identity
    }
}

/// The head of every answer that brings this content.
pub(super) fn head(resource: Resource, encoding: Encoding, tag: &HeaderValue) -> HeaderMap {
    let (media_type, kept_for) = match resource {
        Resource::Checkpoint => (TEXT, SECONDS),
        Resource::Page | Resource::Key | Resource::KeyHistory => (TEXT, MINUTES),
        Resource::Tile(_) | Resource::Entries(_) => (BINARY, FOR_EVER),
    };
    let mut head = HeaderMap::new();
    head.insert(header::CONTENT_TYPE, media_type);
    head.insert(header::CACHE_CONTROL, kept_for);
    head.insert(header::ETAG, tag.clone());
    for_browsers(&mut head);
    if matches!(resource, Resource::Entries(_)) {
        head.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if let Some(name) = encoding.name() {
        head.insert(header::CONTENT_ENCODING, name);
    }
    head
}

/// What lets a page of any site read the ledger, and keeps a browser from taking content for something else.
fn for_browsers(head: &mut HeaderMap) {
    head.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANYONE);
    head.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("etag"),
    );
    head.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    head.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
}

/// Brings content, or says that the client has it.
pub(super) fn respond(content: &Content, method: &Method, headers: &HeaderMap) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.headers_mut() = content.head.clone();
    if has(headers, &content.tag) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        return answer;
    }
    let bytes = HeaderValue::from(content.bytes.len());
    answer.headers_mut().insert(header::CONTENT_LENGTH, bytes);
    if *method != Method::HEAD {
        *answer.body_mut() = Body::from(content.bytes.clone());
    }
    answer
}

/// Whether the client has what this tag names (RFC 9110, section 13.1.2).
fn has(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|given| {
        let given = given.trim();
        given == "*" || given.strip_prefix("W/").unwrap_or(given).as_bytes() == tag.as_bytes()
    })
}

/// Says in a line of text why there is nothing.
pub(super) fn refuse(refused: &Refused) -> Response<Body> {
    said(refused.status(), format!("{refused}\n"))
}

/// Says that only reading is possible.
pub(super) fn method_refused() -> Response<Body> {
    let told = "this is for reading alone: GET or HEAD; events are posted over gRPC\n";
    let mut answer = said(StatusCode::METHOD_NOT_ALLOWED, told.to_owned());
    answer.headers_mut().insert(header::ALLOW, READING);
    answer
}

/// Tells a browser that it may ask.
pub(super) fn preflight() -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let head = answer.headers_mut();
    for_browsers(head);
    head.insert(header::ALLOW, READING);
    head.insert(header::ACCESS_CONTROL_ALLOW_METHODS, READING);
    head.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ANYONE);
    let day = HeaderValue::from_static("86400");
    head.insert(header::ACCESS_CONTROL_MAX_AGE, day);
    answer
}

fn said(status: StatusCode, text: String) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    let head = answer.headers_mut();
    head.insert(header::CONTENT_TYPE, TEXT);
    head.insert(header::CACHE_CONTROL, NOT_AT_ALL);
    head.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    for_browsers(head);
    *answer.body_mut() = Body::from(text);
    answer
}
