//! What a path names.

use crate::ledger::tile::{Span, TileId};

/// Something that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Resource {
    /// What this is, in a few words.
    Page,
    /// The verifier key.
    Key,
    /// The history of the ledger's keys; empty where it has had one alone.
    KeyHistory,
    /// The published checkpoint.
    Checkpoint,
    /// A hash tile.
    Tile(TileId),
    /// An entry bundle.
    Entries(Span),
}

/// A path that begins as a tile's does and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the path of a tile; tiles are at /tile/<L>/<N>[.p/<W>] and entries at /tile/entries/<N>[.p/<W>], \
     <N> in groups of three digits such as x001/x234/067, <L> from 0 to 63, <W> from 1 to 255"
)]
pub(super) struct MalformedPath(String);

/// Characters of a path that are worth repeating.
const SHOWN_CHARS_MAX: usize = 80;

impl Resource {
    /// What a path names; `None` for what is served nowhere here.
    pub(super) fn of_path(path: &str) -> Result<Option<Self>, MalformedPath> {
        let malformed = || MalformedPath(path.chars().take(SHOWN_CHARS_MAX).collect());
        Ok(match path {
            "/" => Some(Self::Page),
            "/checkpoint" => Some(Self::Checkpoint),
            "/log.vkey" => Some(Self::Key),
            "/keys/history" => Some(Self::KeyHistory),
            _ => match (path.strip_prefix("/tile/"), path.strip_prefix('/')) {
                (Some(rest), Some(tile)) => Some(match rest.strip_prefix("entries/") {
                    Some(span) => Self::Entries(span.parse().map_err(|_| malformed())?),
                    None => Self::Tile(tile.parse().map_err(|_| malformed())?),
                }),
                _ => None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_read_is_written_again_as_the_same_path(path in "/(tile/)?(entries/|[0-9]{1,2}/)?[x0-9/.p]{0,24}") {
            match Resource::of_path(&path) {
                Ok(Some(Resource::Tile(id))) => prop_assert_eq!(format!("/{id}"), path),
                Ok(Some(Resource::Entries(span))) => prop_assert_eq!(format!("/{}", span.entries_path()), path),
                Ok(Some(Resource::Page)) => prop_assert_eq!(path, "/"),
                Ok(Some(_)) => prop_assert!(false, "{}", path),
                Ok(None) => prop_assert!(!path.starts_with("/tile/")),
                Err(_) => prop_assert!(path.starts_with("/tile/")),
            }
        }

        #[test]
        fn no_text_is_too_much(path in any::<String>()) {
            let _ = Resource::of_path(&path);
        }
    }

    #[test]
    fn a_path_has_one_spelling() {
        for (path, resource) in [
            ("/", Some(Resource::Page)),
            ("/checkpoint", Some(Resource::Checkpoint)),
            ("/log.vkey", Some(Resource::Key)),
            ("/keys/history", Some(Resource::KeyHistory)),
            ("/keys/pending", None),
            (
                "/tile/entries/x001/x234/067.p/9",
                Some(Resource::Entries(Span {
                    number: 1_234_067,
                    width: 9,
                })),
            ),
            (
                "/tile/63/000",
                Some(Resource::Tile(TileId {
                    level: 63,
                    span: Span {
                        number: 0,
                        width: 256,
                    },
                })),
            ),
            ("", None),
            ("/checkpoint/", None),
            ("/Checkpoint", None),
            ("/favicon.ico", None),
            ("/tile", None),
            ("/payload/000", None),
        ] {
            assert_eq!(Resource::of_path(path), Ok(resource), "{path}");
        }
        for path in [
            "/tile/",
            "/tile/0",
            "/tile/0/",
            "/tile/0/0",
            "/tile/00/000",
            "/tile/64/000",
            "/tile/-1/000",
            "/tile/0/000/",
            "/tile/0//000",
            "/tile/0/001/000",
            "/tile/0/x000/001",
            "/tile/0/000.p/0",
            "/tile/0/000.p/256",
            "/tile/0/000.p/01",
            "/tile/0/000.p/+1",
            "/tile/0/000.p",
            "/tile/0/../0/000",
            "/tile/0/%30%30%30",
            "/tile/entries",
            "/tile/entries/",
            "/tile/entries/0",
            "/tile/entries/000.p/",
            "/tile/entries/x999/x999/x999/x999/x999/x999/x999/999",
            "/tile/data/000",
        ] {
            assert!(Resource::of_path(path).is_err(), "{path}");
        }
    }
}
