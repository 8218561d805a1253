//! Inflating what is in memory whole.
//!
//! What this program packs it deflates in runs: each refers to nothing before it and ends, at a byte's boundary, with
//! [`END_OF_RUN`]. So the runs of one file can be inflated on every core, by an inflater for whole buffers,
//! which does not tell where in its input it stopped. To know that all of a run was inflated and nothing is
//! hidden behind an early end, a final block is put behind it that holds a [`Seal`] no writer could foresee: only a run
//! that ends where a block may begin, with every byte of it used, gives its content and then the seal.
//!
//! That inflater is more lenient than others in one thing: it reads a code that a block assigns to nothing, as in a set
//! of distances with one member or none, where they refuse it. What comes out is judged by its length, its CRC-32, and the
//! digest or hash that vouches for the file, as ever; a packer that writes such codes makes a file that others can't open.

use std::{
    cell::RefCell,
    io::{self, BufRead, Read},
};

use flate2::{FlushDecompress, Status};
use libdeflater::Decompressor;

use super::FileError;
use crate::{
    ledger::position::{count, length},
    pack::container::{END_OF_RUN, LAST_BLOCK},
};

thread_local! {
    static DECOMPRESSOR: RefCell<Decompressor> = RefCell::new(Decompressor::new());
    /// What a run was inflated to that is only to be compared.
    static INFLATED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The most bytes that are kept for inflating the next run.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// Deflate makes no more of a byte: 258 bytes take two bits at least.
const RATIO_MAX: usize = 1032;

/// Bytes that are put behind a run to inflate it: a block with the seal.
pub(super) const SEALED_BYTES: usize = 5 + Seal::BYTES;

/// Random bytes that stand behind the content of a run that was inflated whole.
#[derive(Debug, Clone, Copy)]
pub struct Seal([u8; Self::BYTES]);

impl Seal {
    const BYTES: usize = 16;

    /// Draws one.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn draw() -> io::Result<Self> {
        let mut bytes = [0; Self::BYTES];
        getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self(bytes))
    }

    /// A final block that is stored and holds the seal.
    fn block(&self) -> [u8; SEALED_BYTES] {
        let mut block = [0; SEALED_BYTES];
        let (head, content) = block.split_at_mut(5);
        head.copy_from_slice(&[1, 16, 0, 0xef, 0xff]);
        content.copy_from_slice(&self.0);
        block
    }
}

/// One run of a deflated file.
#[derive(Debug, Clone)]
pub struct Run(Vec<u8>);

impl Run {
    /// Takes the bytes of a run, up to and with its end.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Whether the run is whole and this is its content.
    pub fn is(mut self, seal: &Seal, content: &[u8]) -> bool {
        let sealed = content.len().saturating_add(Seal::BYTES);
        INFLATED.with_borrow_mut(|inflated| {
            if inflated.len() < sealed {
                inflated.resize(sealed, 0);
            }
            let room = inflated.get_mut(..sealed).unwrap_or_default();
            let same = inflate_run(&mut self.0, seal, room) && room.starts_with(content);
            if inflated.len() > KEPT_BYTES_MAX {
                *inflated = Vec::new();
            }
            same
        })
    }
}

/// Fills the room with a run's content and the seal behind it; whether they are just as long as it. The run gets longer.
fn inflate_run(run: &mut Vec<u8>, seal: &Seal, room: &mut [u8]) -> bool {
    run.extend_from_slice(&seal.block());
    let inflated =
        DECOMPRESSOR.with_borrow_mut(|decompressor| decompressor.deflate_decompress(run, room));
    inflated == Ok(room.len()) && room.ends_with(&seal.0)
}

/// Inflates a whole member of a zip that should have this many bytes, into a buffer whose content is lost.
pub(super) fn inflate_member(
    packed: &mut Vec<u8>,
    bytes: u64,
    seal: &Seal,
    content: &mut Vec<u8>,
) -> Result<(), FileError> {
    let bytes = length(bytes);
    let run = packed
        .strip_suffix(&LAST_BLOCK)
        .filter(|run| run.ends_with(&END_OF_RUN))
        .map(<[u8]>::len);
    let whole = match run {
        // Nothing is made ready for what can't be.
        _ if bytes > packed.len().saturating_mul(RATIO_MAX) => false,
        Some(run) => {
            packed.truncate(run);
            content.resize(bytes.saturating_add(Seal::BYTES), 0);
            let whole = inflate_run(packed, seal, content);
            content.truncate(bytes);
            whole
        }
        None => inflate_other(packed, bytes, content),
    };
    whole
        .then_some(())
        .ok_or_else(|| FileError::Damaged("it does not inflate".to_owned()))
}

/// Inflates what was deflated otherwise than by this program; whether that is one whole stream.
fn inflate_other(packed: &[u8], bytes: usize, content: &mut Vec<u8>) -> bool {
    let mut inflate = flate2::Decompress::new(false);
    // One byte more than expected, so that a longer content shows.
    content.resize(bytes.saturating_add(1), 0);
    let status = inflate.decompress(packed, content, FlushDecompress::Finish);
    content.truncate(length(inflate.total_out()));
    status.is_ok_and(|status| status == Status::StreamEnd)
        && inflate.total_in() == count(packed.len())
}

/// A member as a stream. It ends where its last block does, and nothing may be left behind that.
pub(super) struct Inflating<R> {
    packed: R,
    inflate: flate2::Decompress,
    ended: bool,
}

impl<R> Inflating<R> {
    pub(super) fn new(packed: R) -> Self {
        Self {
            packed,
            inflate: flate2::Decompress::new(false),
            ended: false,
        }
    }
}

impl<R: BufRead> Read for Inflating<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        while !buffer.is_empty() {
            let packed = self.packed.fill_buf()?;
            if self.ended {
                return match packed {
                    [] => Ok(0),
                    _ => Err(damaged("there are bytes behind its last block")),
                };
            }
            let (taken, made) = (self.inflate.total_in(), self.inflate.total_out());
            let flush = match packed {
                [] => FlushDecompress::Finish,
                _ => FlushDecompress::None,
            };
            let status = self
                .inflate
                .decompress(packed, buffer, flush)
                .map_err(|_| damaged("it does not inflate"))?;
            let taken = length(self.inflate.total_in().saturating_sub(taken));
            let made = length(self.inflate.total_out().saturating_sub(made));
            self.packed.consume(taken);
            self.ended = status == Status::StreamEnd;
            if made > 0 {
                return Ok(made);
            }
            if !self.ended && taken == 0 {
                return Err(damaged("it ends before its last block"));
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, clippy::as_conversions)]

    use proptest::prelude::*;

    use super::*;
    use crate::pack::container;

    fn run_of(content: &[u8]) -> Vec<u8> {
        container::Run::of(content).unwrap().into_bytes()
    }

    /// The content of a run that should have this many bytes.
    fn inflated(run: &[u8], bytes: usize) -> Option<Vec<u8>> {
        let mut content = vec![7; bytes + Seal::BYTES];
        let whole = inflate_run(&mut run.to_vec(), &Seal::draw().unwrap(), &mut content);
        content.truncate(bytes);
        whole.then_some(content)
    }

    /// What another inflater makes of the run in a stream of its own; why it refuses where it does.
    fn by_another(run: &[u8], bytes: usize) -> Result<Vec<u8>, String> {
        let packed = [run, &LAST_BLOCK].concat();
        let mut inflate = flate2::Decompress::new(false);
        let mut content = Vec::with_capacity(bytes + 1);
        let status = inflate
            .decompress_vec(&packed, &mut content, FlushDecompress::Finish)
            .map_err(|error| error.message().unwrap_or_default().to_owned())?;
        let whole = status == Status::StreamEnd
            && inflate.total_in() == count(packed.len())
            && content.len() == bytes;
        whole
            .then_some(content)
            .ok_or_else(|| "not whole, or not as long".to_owned())
    }

    proptest! {
        #[test]
        fn a_run_inflates_to_what_was_deflated(content in prop::collection::vec(0u8..4, 0..4000)) {
            let seal = Seal::draw().unwrap();
            let run = run_of(&content);
            prop_assert_eq!(inflated(&run, content.len()), Some(content.clone()));
            prop_assert_eq!(inflated(&run, content.len() + 1), None);
            prop_assert_eq!(inflated(&run, content.len().saturating_sub(1)).is_some(), content.is_empty());
            prop_assert!(Run::new(run.clone()).is(&seal, &content));
            let mut packed = [&run[..], &LAST_BLOCK].concat();
            let mut member = b"what was here before".to_vec();
            prop_assert!(inflate_member(&mut packed, count(content.len()), &seal, &mut member).is_ok());
            prop_assert_eq!(member, content);
        }

        #[test]
        fn a_run_inflates_where_the_stream_around_it_does_and_nowhere_else(
            content in prop::collection::vec(0u8..4, 1..400), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let seal = Seal::draw().unwrap();
            let mut bytes = run_of(&content);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let ours = inflated(&bytes, content.len());
            prop_assert_eq!(Run::new(bytes.clone()).is(&seal, &content), ours.as_ref() == Some(&content));
            match by_another(&bytes, content.len()) {
                Ok(theirs) => prop_assert_eq!(ours, Some(theirs)),
                // Codes that stand for nothing, which ours reads.
                Err(why) if why == "invalid distance code" => {}
                Err(why) => prop_assert_eq!(ours, None, "{}", why),
            }
        }
    }

    /// A block whose one distance has the code 0, and in which the distance of a repetition is the code 1.
    #[test]
    fn a_code_that_stands_for_nothing_is_read_and_what_it_makes_is_judged_like_all_else() {
        let seal = Seal::draw().unwrap();
        let bytes = hex::decode(concat!(
            "1cc2810900301003a1bfb8ffce85",
            "8271c3d4f2afa3070000ffff000000ffff"
        ))
        .unwrap();
        assert_eq!(
            by_another(&bytes, 26),
            Err("invalid distance code".to_owned())
        );
        let content = *b"\x01\x03\x03\x00\x02\x03\x03\x03\x02\x03\x01\x01\x02\x01\x03";
        assert_eq!(inflated(&bytes, 26).unwrap()[..15], content);
        let content = inflated(&bytes, 26).unwrap();
        assert!(Run::new(bytes.clone()).is(&seal, &content));
        assert!(!Run::new(bytes).is(&seal, &[0; 26]));
    }

    #[test]
    fn a_run_is_not_what_it_only_begins_with_or_like() {
        let seal = Seal::draw().unwrap();
        let run = Run::new(run_of(b"one line, and another"));
        assert!(run.clone().is(&seal, b"one line, and another"));
        for other in [
            &b"one line"[..],
            b"one line, and another.",
            b"one line, and amother",
            b"",
        ] {
            assert!(!run.clone().is(&seal, other), "{other:?}");
        }
    }

    #[test]
    fn a_run_that_ends_early_is_not_whole() {
        let seal = Seal::draw().unwrap();
        let mut early = run_of(b"all there is to see");
        early.extend_from_slice(&LAST_BLOCK);
        early.extend_from_slice(&run_of(b""));
        assert!(!Run::new(early.clone()).is(&seal, b"all there is to see"));
        assert!(inflated(&early, 19).is_none());
    }

    fn streamed(packed: &[u8], piece: usize) -> io::Result<Vec<u8>> {
        let mut stream = Inflating::new(io::BufReader::with_capacity(piece, packed));
        let (mut content, mut buffer) = (Vec::new(), vec![0; piece]);
        loop {
            match stream.read(&mut buffer)? {
                0 => return Ok(content),
                read => content.extend_from_slice(&buffer[..read]),
            }
        }
    }

    #[test]
    fn a_stream_is_its_whole_content_and_nothing_stands_behind_it() {
        for length in [0, 1, 7, 70_000] {
            let content: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let mut packed = [run_of(b""), run_of(&content), run_of(b"")].concat();
            for piece in [1, 7, 1000, 1 << 17] {
                let cut = streamed(&packed, piece).unwrap_err();
                assert_eq!(cut.to_string(), "it ends before its last block");
            }
            packed.extend_from_slice(&LAST_BLOCK);
            for piece in [1, 7, 1000, 1 << 17] {
                assert_eq!(streamed(&packed, piece).unwrap(), content);
            }
            packed.extend_from_slice(b"and what nobody sees");
            for piece in [1, 7, 1000, 1 << 17] {
                let behind = streamed(&packed, piece).unwrap_err();
                assert_eq!(behind.to_string(), "there are bytes behind its last block");
            }
        }
    }

    #[test]
    fn a_member_that_another_program_deflated_is_inflated_to_its_last_byte() {
        let content = b"deflated in one go, as other programs do it".as_slice();
        let mut encoder =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, content).unwrap();
        let mut packed = encoder.finish().unwrap();
        let seal = Seal::draw().unwrap();
        let mut inflated = b"what was here before".to_vec();
        let mut inflate = |packed: &mut Vec<u8>| {
            inflate_member(packed, count(content.len()), &seal, &mut inflated)
        };
        assert!(inflate(&mut packed).is_ok());
        packed.push(0);
        assert!(inflate(&mut packed).is_err());
        packed.pop();
        assert!(inflate(&mut packed).is_ok());
        assert_eq!(inflated, content);
        // However much room there is, no more is inflated than should be there.
        for room in [0, 1 << 16] {
            let mut inflated = Vec::with_capacity(room);
            assert!(inflate_member(&mut packed.clone(), 7, &seal, &mut inflated).is_err());
            assert!(inflated.len() <= 8, "{}", inflated.len());
        }
        // Nor is there memory for what no such stream makes.
        let (most, mut inflated) = (count(packed.len() * RATIO_MAX), Vec::new());
        assert!(inflate_member(&mut packed, most + 1, &seal, &mut inflated).is_err());
        assert_eq!(inflated.capacity(), 0);
    }
}
