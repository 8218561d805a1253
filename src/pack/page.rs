//! `index.html`: the page that opens a pack in a browser, and the pack's files inside it.
//!
//! A browser does not let a page from a disk read the files beside it, so the page carries them: after the page itself,
//! which every pack has alike, one inert element a file, in base64, a deflated file as it is deflated in the zip.
//! The page's sources are in `src/viewer/`; what they make is checked in, so that building this program needs no more
//! than Rust.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{
    container::{Method, Packed},
    manifest::{CHECKPOINT, MANIFEST, VERIFIER_KEY},
};

/// The page alone, without any pack's files.
const EMPTY: &str = include_str!("../viewer/dist/index.html");
/// What stands behind the files.
pub(super) const END: &str = "</body>\n</html>\n";
/// The most entries of a pack that its page carries: browsers take pages up to some hundreds of megabytes.
pub(super) const ENTRIES_MAX: u64 = 150_000;
/// The most bytes of all elements together that a page carries.
pub(super) const BYTES_MAX: u64 = 128 << 20;

const OPEN: &str = "<script type=\"text/plain\" data-file=\"";
const ENCODING: &str = "\" data-encoding=\"";
const CONTENT: &str = "\">";
const CLOSE: &str = "</script>";

/// What stands before the files: the page of this version of the program.
pub(super) fn front() -> &'static str {
    EMPTY.strip_suffix(END).unwrap_or(EMPTY)
}

/// Whether the page carries the file of this path: all that its own checks need, and not what is derived from it.
pub(super) fn carries(path: &str) -> bool {
    [CHECKPOINT, VERIFIER_KEY, MANIFEST].contains(&path)
        || path.starts_with("tile/")
        || path.starts_with("payload/")
}

/// Appends the element of a file, a line.
pub(super) fn push_element(file: &Packed, out: &mut String) {
    let (method, bytes) = file.kept();
    let encoding = match method {
        Method::Stored => "none",
        Method::Deflated => "deflate-raw",
    };
    // Writing to a string can't fail. Paths have none of the characters that mean something in HTML.
    let _ = write!(out, "{OPEN}{}{ENCODING}{encoding}{CONTENT}", file.path());
    BASE64.encode_string(bytes, out);
    out.push_str(CLOSE);
    out.push('\n');
}

/// One file as a page has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) path: &'a str,
    pub(super) method: Method,
    pub(super) bytes: Vec<u8>,
}

/// Reads the line of an element, without its newline; `None` where it is not in its one form.
pub(super) fn parse_element(line: &[u8]) -> Option<Element<'_>> {
    let line = std::str::from_utf8(line).ok()?;
    let (path, rest) = line.strip_prefix(OPEN)?.split_once(ENCODING)?;
    let (encoding, rest) = rest.split_once(CONTENT)?;
    let method = match encoding {
        "none" => Method::Stored,
        "deflate-raw" => Method::Deflated,
        _ => return None,
    };
    let bytes = BASE64.decode(rest.strip_suffix(CLOSE)?).ok()?;
    carries(path).then_some(Element {
        path,
        method,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_ends_as_it_should_and_may_not_speak_to_anyone() {
        assert!(EMPTY.ends_with(END));
        assert!(front().contains("content=\"default-src 'none'; script-src 'sha256-"));
        assert!(!front().contains("data-file=\""));
    }

    #[test]
    fn an_element_is_read_as_it_was_written_and_in_no_other_form() {
        let file = Packed::deflated("payload/000".to_owned(), b"content").unwrap();
        let mut line = String::new();
        push_element(&file, &mut line);
        let element = parse_element(line.trim_end().as_bytes()).unwrap();
        assert_eq!(
            (element.path, (element.method, element.bytes.as_slice())),
            ("payload/000", file.kept())
        );
        for (from, to) in [
            ("payload/000", "verify.py"),
            ("deflate-raw", "gzip"),
            ("text/plain", "module"),
            ("</script>", "</script><b>"),
        ] {
            let other = line.replace(from, to);
            assert_eq!(parse_element(other.trim_end().as_bytes()), None, "{to}");
        }
    }
}
