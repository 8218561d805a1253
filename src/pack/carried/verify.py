#!/usr/bin/env python3
"""Verifies an Exhibit audit pack, without Exhibit.

    python3 verify.py PACK VKEY                 PACK: the .zip, or the directory it was unpacked to
    python3 verify.py PACK @log.vkey            the key from a file that you got by another way than the pack
    python3 verify.py PACK VKEY --receipt FILE --checkpoint FILE      compare with what you kept; may be repeated
    python3 verify.py RECEIPT VKEY              a receipt (.tlog-proof) alone
    python3 verify.py vkey PACK                 prints the key that the pack brings along, and vouches for nothing

    python3 verify.py PACK VKEY --strict        damage that the ledger itself admits is no success either: exit code 1

Exit codes: 0 verified, 1 something is wrong, 2 the command line is wrong, 3 nothing could be checked, 4 what was
checked verifies, but it is not everything.

This is the second verifier: it follows the specification (the chapters "Formats" and "The audit pack" of Exhibit's
manual), in another language, sharing no code with the first. It needs Python 3.8 and its standard library, reads only
the files you name, writes nothing but temporary files, and uses no network.

Read it before you trust it. What decides whether evidence is genuine comes first, and is less than half:

    The core                                            Beside it, where a pack has it
     1  signed notes, keys, checkpoints                   7  listings for people: events.jsonl, events.csv
     2  entries, their chain, payloads                    8  the manifest
     3  the tree: hashes, tiles, what the root proves     9  the history of the ledger's keys
     4  the order of entries; findings                   10  confirmed breaks
     5  the producers' own counts                        11  receipts, and what was kept elsewhere
     6  THE VERIFICATION, from checkpoint to verdict     12  the files: directory or zip
                                                         13  BLAKE3    14  Ed25519    15  report, command line

If in a hurry, begin with `PackVerification.run` in part 6, which names every step, and look up what it calls. Of
whatever can be wrong it makes a finding (`findings.add`), and goes on; `report_of` in part 15 makes the verdict of
them: a single one means "altered". `Malformed` is raised for bytes that are not in their one form, and `FileProblem`
for a file that can't be had; whoever catches one adds a finding. To see that nothing is done behind your back, look
for `open(`, `import`, `os.` and `except`: there are few.

Where the package `blake3` is installed it is used, being faster; every signature is checked by part 14, and by the
package `cryptography` as well where it is installed: then both must agree. The report says which were used.
"""
import argparse
import base64
import bisect
import collections
import copy
import functools
import hashlib
import json
import os
import re
import struct
import sys
import tempfile
import time
import unicodedata
import zlib
from datetime import datetime, timedelta

try:
    import blake3 as blake3_package
except ImportError:
    blake3_package = None

VERSION = "0.1.0"  # of Exhibit, with which this file was published


class Malformed(Exception):
    """Bytes that are not what they should be, and why."""


class Unreadable(Exception):
    """Nothing could be checked."""


# ---------------------------------------------------------------------------------------------------------------------
# 1  Signed notes, verifier keys and checkpoints: "Notes and keys" and "Checkpoint" of the specification.

ED25519_TYPE = b"\x01"


def decode_base64(text, what):
    """Base64 with padding, in its one spelling."""
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError:
        raise Malformed("%s is not base64" % what)
    if base64.b64encode(content).decode() != text:
        raise Malformed("%s is not base64 in its one spelling" % what)
    return content


def counted(number, one, many=None):
    return "%d %s" % (number, one if number == 1 else many or one + "s")


def decode_decimal(text, what):
    """A number below 2^64 without sign or leading zeros."""
    if not re.fullmatch("0|[1-9][0-9]{0,19}", text, re.ASCII) or int(text) >= 2**64:
        raise Malformed("%s is not a decimal number in its one form" % what)
    return int(text)


def is_key_name(name):
    return (1 <= len(name.encode()) <= 255 and "+" not in name
            and not any(c.isspace() or unicodedata.category(c) == "Cc" for c in name))


class VerifierKey:
    """`<name>+<key id in hexadecimal>+<base64(type || public key)>`"""

    def __init__(self, text):
        fields = text.encode("utf-8", "replace").decode().split("+", 2)  # base64 holds `+` too
        if len(fields) != 3:
            raise Malformed("a verifier key has the form <name>+<key id>+<base64>")
        self.text, self.name = text, fields[0]
        typed = decode_base64(fields[2], "the last field of the key")
        if not is_key_name(self.name):
            raise Malformed("the key's name is not a key name")
        if typed[:1] != ED25519_TYPE or len(typed) != 33 or point_decode(typed[1:]) is None:
            raise Malformed("this is not a ledger's Ed25519 key (type 1; 4 is a witness's), or one that proves nothing")
        self.public = typed[1:]
        self.id = hashlib.sha256(self.name.encode() + b"\n" + typed).digest()[:4]
        if self.id.hex() != fields[1]:
            raise Malformed("the key id does not belong to this name and key; was it mistyped?")

    def judge(self, checkpoint):
        """None if this key signed the checkpoint, or the kind of finding and the reason."""
        problem = checkpoint.note.check(self)
        return problem and ("checkpoint_untrusted", problem)


class Note:
    """Text, a blank line, and signature lines `— <key name> <base64(key id || signature)>`."""

    def __init__(self, content):
        if len(content) > 1_000_000:
            raise Malformed("the note has over 1,000,000 bytes")
        try:
            whole = content.decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("the note is not UTF-8")
        if any(c < " " and c != "\n" for c in whole):
            raise Malformed("the note has control characters")
        text, separator, block = whole.rpartition("\n\n")
        if not separator or not block.endswith("\n") or block == "\n":
            raise Malformed("the note has no signature lines behind a blank line")
        lines = block[:-1].split("\n")
        if len(lines) > 100:
            raise Malformed("the note has over 100 signatures")
        self.whole, self.text = whole, text + "\n"
        self.signatures = [self.signature(line) for line in lines]

    @staticmethod
    def signature(line):
        fields = line.split(" ", 2)
        if len(fields) != 3 or fields[0] != "\u2014" or not is_key_name(fields[1]):
            raise Malformed("a signature line is not `\u2014 <name> <base64>`")
        content = decode_base64(fields[2], "a signature")
        if len(content) < 5:
            raise Malformed("a signature is too short")
        return fields[1], content[:4], content[4:]

    def names(self, key):
        return any((name, id) == (key.name, key.id) for name, id, _ in self.signatures)

    def check(self, key):
        """None if the key signed the note, or why it can't be trusted. Lines of other keys are ignored."""
        lines = [signature for name, id, signature in self.signatures if (name, id) == (key.name, key.id)]
        if not lines:
            return "the note is not signed by %s" % key.text
        if all(ed25519(key.public, signature, self.text.encode()) for signature in lines):
            return None
        return "the signature by %s does not verify" % key.name


class Checkpoint:
    """A note whose text is origin, size and root, a line each; other logs may add lines."""

    def __init__(self, content):
        self.note = Note(content)
        lines = self.note.text[:-1].split("\n")
        if len(lines) < 3 or "" in lines[3:]:
            raise Malformed("it has not an origin, a size and a root, a line each")
        self.origin, self.size = lines[0], decode_decimal(lines[1], "the size")
        self.root, self.extended = decode_base64(lines[2], "the root"), len(lines) > 3
        if not is_key_name(self.origin):
            raise Malformed("the origin is not a key name")
        if len(self.root) != 32 or (self.size == 0 and self.root != hashlib.sha256().digest()):
            raise Malformed("the root has not 32 bytes, or is not that of an empty tree")

    def check(self, keys):
        """None if the ledger of these keys signed it, or the kind of finding and the reason."""
        if self.origin != keys.name:
            return "other_ledger", "this is a checkpoint of %s, not of %s" % (self.origin, keys.name)
        return keys.judge(self)


# ---------------------------------------------------------------------------------------------------------------------
# 2  Entries, the chain, and payloads: "Hashes", "Entry", "Chain" and "Payload".

GENESIS = "exhibit 2026-11-22 chain genesis v1"
CHAIN = "exhibit 2026-11-22 entry chain v1"
PART = "exhibit 2026-11-22 payload part v1"
PAYLOAD = "exhibit 2026-11-22 payload v1"


def read_text(content, at):
    """str(x): the length in bytes as u64, then UTF-8. Gives the text and where it ends."""
    content_at = at + 8
    if content_at > len(content):
        raise Malformed("it ends within the length of a text")
    end = content_at + struct.unpack_from("<Q", content, at)[0]
    if end > len(content):
        raise Malformed("a length points beyond the end")
    try:
        return str(content[content_at:end], "utf-8"), end
    except UnicodeDecodeError:
        raise Malformed("a text is not UTF-8")


def put_text(text):
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


class Entry:
    """The ledger's line about one event."""

    HEAD = struct.Struct("<BQQQQ32s32s")
    TEXTS = (("event_type", 1, 255), ("source", 1, 1024), ("event_id", 1, 255), ("subject", 0, 1024),
             ("producer", 1, 1024))

    def __init__(self, content):
        if not content or content[0] != 1:
            raise Malformed("it is empty" if not content else "its version is %d, not 1" % content[0])
        if len(content) < self.HEAD.size:
            raise Malformed("it ends within its numbers")
        (_, self.index, self.recorded_at, self.occurred_at, self.source_sequence, self.previous,
         self.commitment) = self.HEAD.unpack_from(content)
        at = self.HEAD.size
        for name, least, most in self.TEXTS:
            text, end = read_text(content, at)
            if not least <= end - at - 8 <= most:
                raise Malformed("%s has not %d to %d bytes" % (name, least, most))
            setattr(self, name, text)
            at = end
        if at != len(content):
            raise Malformed("%d bytes follow its last field" % (len(content) - at))


class Part:
    """One part of a payload: disclosed, or withheld with only its commitment left."""

    __slots__ = ("commitment", "salt", "name", "content_type", "content")

    def hashed(self):
        """What the commitment of a disclosed part is over."""
        return self.salt + put_text(self.name) + put_text(self.content_type) + self.content


def read_payload(content, at):
    """The parts of the payload that begins here, and where it ends."""
    if at + 8 > len(content):
        raise Malformed("it ends before the number of its parts")
    number, at = struct.unpack_from("<Q", content, at)[0], at + 8
    if not 1 <= number <= 32:
        raise Malformed("a payload has 1 to 32 parts, not %d" % number)
    parts = []
    for _ in range(number):
        if at + 36 > len(content):
            raise Malformed("it ends within a part")
        variant, first, at = struct.unpack_from("<I", content, at)[0], content[at + 4:at + 36], at + 36
        part = Part()
        part.commitment, part.salt, part.name = None, None, None
        if variant == 0:
            part.commitment = first
        elif variant == 1:
            part.salt = first
            part.name, at = read_text(content, at)
            part.content_type, at = read_text(content, at)
            if at + 8 > len(content):
                raise Malformed("it ends within a part")
            end = at + 8 + struct.unpack_from("<Q", content, at)[0]
            if end > len(content):
                raise Malformed("a length points beyond the end")
            part.content, at = content[at + 8:end], end
        else:
            raise Malformed("a part is neither withheld (0) nor disclosed (1), but %d" % variant)
        parts.append(part)
    check_parts(parts)
    return parts, at


def read_kept(content, at):
    """As read_payload; no part where the bundle says, with the number 0, that the payload was lost."""
    if content[at:at + 8] == bytes(8):
        return [], at + 8
    return read_payload(content, at)


def check_parts(parts):
    """The limits of a payload. Of withheld parts the names are not known."""
    names = [part.name for part in parts if part.commitment is None]
    if any(not 1 <= len(name.encode()) <= 255 for name in names):
        raise Malformed("a part's name has not 1 to 255 bytes")
    if any(len(part.content_type.encode()) > 255 for part in parts if part.commitment is None):
        raise Malformed("a content type has over 255 bytes")
    if parts[0].name not in (None, "body") or "body" in [part.name for part in parts[1:]]:
        raise Malformed("the first part, and no other, is named body")
    if len(set(names)) < len(names):
        raise Malformed("two parts have one name")
    if sum(len(part.content) for part in parts if part.commitment is None) > 1_048_576:
        raise Malformed("the payload has over 1,048,576 bytes of content")


def payload_commitments(payloads):
    """The commitment of each payload; a disclosed part's is computed, a withheld one's is taken as it stands."""
    disclosed = [part for parts in payloads for part in parts if part.commitment is None]
    computed = dict(zip(map(id, disclosed), derive_key(PART, [part.hashed() for part in disclosed])))
    return derive_key(PAYLOAD, [b"".join(part.commitment or computed[id(part)] for part in parts)
                                for parts in payloads])


# ---------------------------------------------------------------------------------------------------------------------
# 3  The tree of RFC 6962 and its tiles: "Tree" and "Tiles and bundles".

EMPTY_ROOT = hashlib.sha256().digest()


def leaf_hash(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class Frontier:
    """A growing tree: the roots of its perfect subtrees, the largest first, as the bits of its size are."""

    def __init__(self, size=0, roots=()):
        self.size, self.roots = size, list(roots)

    def push(self, leaf):
        size, self.size = self.size, self.size + 1
        while size & 1:
            leaf, size = node_hash(self.roots.pop(), leaf), size >> 1
        self.roots.append(leaf)

    def root(self):
        if not self.roots:
            return EMPTY_ROOT
        found = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            found = node_hash(left, found)
        return found


def perfect_root(hashes):
    """The root over a power of two of hashes, such as those of a full tile."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]


def span_of(number, total):
    """Number and width of a tile or bundle where its level has `total` hashes; None where it lies beyond them."""
    width = min(256, total - 256 * number)
    return (number, width) if width > 0 else None


def span_path(span):
    """`<N>[.p/<W>]`: groups of three digits, all but the last behind an x."""
    number, width = span
    digits = str(number).rjust(-(-len(str(number)) // 3) * 3, "0")
    groups = [digits[at:at + 3] for at in range(0, len(digits), 3)]
    return "/".join(["x" + group for group in groups[:-1]] + groups[-1:]) + (".p/%d" % width if width < 256 else "")


def parse_span(text):
    """The span of a path in its one spelling, or None."""
    match = re.fullmatch(r"((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?", text, re.ASCII)
    if not match:
        return None
    span = int(match.group(1).replace("x", "").replace("/", "")), int(match.group(2) or 256)
    fits = 1 <= span[1] <= (255 if match.group(2) else 256) and span[0] < 2**56  # indexes have 64 bits
    return span if fits and span_path(span) == text else None


def tile_path(level, span):
    return "tile/%d/%s" % (level, span_path(span))


def parse_tile(path):
    """Level and span of a hash tile's path, or None."""
    match = re.fullmatch("tile/([0-9]{1,2})/(.+)", path, re.ASCII)
    span = match and parse_span(match.group(2))
    return (int(match.group(1)), span) if span and str(int(match.group(1))) == match.group(1) and \
        int(match.group(1)) < 64 else None


def split_bundle(content, most=512):
    """The entries of a bundle, each behind its length in 16 bits, big-endian; and what is left that is none."""
    entries, at = [], 0
    while len(entries) < most and at + 2 <= len(content):
        end = at + 2 + (content[at] << 8 | content[at + 1])
        if end > len(content):
            break
        entries.append(content[at + 2:end])
        at = end
    return entries, content[at:]


def split_tile(content):
    """The hashes of a tile, or None."""
    if not content or len(content) % 32 or len(content) > 8192:
        return None
    return [content[at:at + 32] for at in range(0, len(content), 32)]


class SignedTree:
    """The tree as its signed root vouches for it, read from tiles, from the root down.

    The partial tiles at the right edge make the root together; every full tile is one hash of the tile above it."""

    def __init__(self, size, root, read):
        self.size, self.read, self.kept = size, read, {}
        self.edge_holds = self.edge_root() == root

    def total(self, level):
        return self.size >> 8 * level

    def edge_root(self):
        """The root made of the partial tiles, the leftmost (and highest) perfect subtree first."""
        roots = []
        for level in reversed(range(8)):
            width = self.total(level) % 256
            if width:
                hashes = self.read(level, span_of(self.total(level) // 256, self.total(level)))
                if hashes is None:
                    return None
                at = 0
                for bit in reversed(range(8)):
                    if width >> bit & 1:
                        roots.append(perfect_root(hashes[at:at + (1 << bit)]))
                        at += 1 << bit
        return Frontier(self.size, roots).root()

    def vouches_for(self, level, span, hashes):
        if span[1] < 256:
            return self.edge_holds
        return self.slot(level + 1, span[0]) == perfect_root(hashes)

    def slot(self, level, index):
        """One hash of a level, or None where the root does not vouch for it."""
        span = span_of(index // 256, self.total(level))
        hashes = span and self.tile(level, span)
        return hashes[index % 256] if hashes else None

    def tile(self, level, span):
        if self.kept.get(level, (None,))[0] != span:
            hashes = self.read(level, span)
            good = hashes is not None and self.vouches_for(level, span, hashes)
            self.kept[level] = span, hashes if good else None
        return self.kept[level][1]

    def root_at(self, size):
        """The root of the tree when it was smaller; None where a tile for it is missing or not vouched for."""
        roots, index = [], 0
        for bit in reversed(range(64)):
            if size >> bit & 1:
                level, width = bit // 8, 1 << bit % 8
                hashes = [self.slot(level, (index >> 8 * level) + at) for at in range(width)]
                if None in hashes:
                    return None
                roots.append(perfect_root(hashes))
                index += 1 << bit
        return Frontier(size, roots).root()


# ---------------------------------------------------------------------------------------------------------------------
# 4  The order of entries, and findings. Where index and chain hash agree, an entry stands in its place. Where they
#    don't, what comes later may say what happened, so a finding can be put right: a gap is missing entries, unless
#    they turn up; then entries were reordered.

FINDINGS_SHOWN_MAX = 1000


class Finding:
    __slots__ = ("kind", "index", "expected", "found", "place")

    def __init__(self, kind, index, expected, found, place):
        self.kind, self.index, self.place = kind, index, place
        self.expected, self.found = str(expected), str(found)


class Findings:
    """All are counted. So many are kept that 1,000 can be shown when all that can be confirmed is taken away; what is
    beyond that is never confirmed."""

    def __init__(self):
        self.kept, self.total = [], 0
        self.room = {True: CONFIRMED_MAX + FINDINGS_SHOWN_MAX, False: FINDINGS_SHOWN_MAX}

    def add(self, kind, index, expected, found, place=None):
        finding = Finding(kind, index, expected, found, place)
        self.total += 1
        if self.room[kind in KNOWN_KINDS] > 0:
            self.room[kind in KNOWN_KINDS] -= 1
            self.kept.append(finding)
        return finding

    def has(self, *kinds):
        return any(finding.kind in kinds for finding in self.kept)


class Order:
    def __init__(self, first, origin, findings):
        self.next, self.findings, self.misplaced = first, findings, False
        self.last = None           # index, time and chain hash of the last entry in its place
        self.rival = None          # chain hash of another entry that claims that index
        self.misnumbered = None    # what an entry in its place by the chain said its index was, and its finding
        self.gaps, self.starts = {}, []  # stretches passed over: {first: (end, finding)}, and the firsts, sorted
        self.turned_up = {}        # of each such finding: the first index that turned up, itself, its stretches left
        if first == 0:
            self.last = (None, 0, derive_key(GENESIS, [origin.encode()])[0])

    def unreadable(self, next):
        """Goes on behind entries that could not be read."""
        self.next, self.last, self.rival, self.misnumbered = next, None, None, None

    def follow(self, entry, chain):
        self.settle_number(entry)
        self.misplaced |= entry.index != self.next
        continues = self.last and entry.previous in (self.last[2], self.rival)
        if entry.index == self.next:
            if self.last and not continues:
                self.findings.add("chain_broken", entry.index, self.last[2].hex(), entry.previous.hex())
            self.take(entry, entry.index, chain)
        elif continues:
            self.misnumbered = entry.index, self.misplace("entry_altered", self.next, entry)
            self.take(entry, self.next, chain)
        elif entry.index > self.next:
            self.open_gap(self.next, entry.index, self.misplace("missing_entries", self.next, entry))
            self.take(entry, entry.index, chain)
        elif not self.fill_gap(entry.index):
            self.superfluous(entry, chain)

    def misplace(self, kind, index, entry):
        return self.findings.add(kind, index, "entry %d" % self.next, "entry %d" % entry.index)

    def take(self, entry, index, chain):
        if self.last and entry.recorded_at < self.last[1]:
            self.findings.add("clock_backwards", index, "%s or later" % rfc3339(self.last[1]),
                              rfc3339(entry.recorded_at))
        self.last, self.rival, self.next = (index, entry.recorded_at, chain), None, index + 1

    def superfluous(self, entry, chain):
        """An entry whose index has been taken, and which no gap waits for."""
        kind = "entry_inserted"
        if self.last and self.last[0] == entry.index:
            if self.last[2] == chain:
                kind = "entry_repeated"
            else:
                self.rival = chain
        self.misplace(kind, entry.index, entry)

    def settle_number(self, entry):
        """The entry after one with a wrong number shows whether only that one was changed, or the rest moved."""
        if self.misnumbered is None:
            return
        said, finding = self.misnumbered
        self.misnumbered = None
        if entry.index != self.next and entry.index == said + 1:
            finding.kind = "missing_entries" if said >= self.next else "entry_inserted"
            self.next = entry.index

    def open_gap(self, first, end, finding):
        if first < end and len(self.starts) < 4096:  # so that memory and time stay bounded
            if first not in self.gaps:
                bisect.insort(self.starts, first)
            self.gaps[first] = end, finding

    def fill_gap(self, index):
        at = bisect.bisect_right(self.starts, index) - 1
        if at < 0 or index >= self.gaps[self.starts[at]][0]:
            return False
        first = self.starts.pop(at)
        end, finding = self.gaps.pop(first)
        turned_up = self.turned_up.setdefault(id(finding), [index, finding, 1])
        turned_up[2] += (first < index) + (index + 1 < end) - 1
        self.open_gap(first, index, finding)
        self.open_gap(index + 1, end, finding)
        if turned_up[2] == 0:
            finding.kind = "entries_reordered"
        return True

    def settle(self):
        """Says of stretches that were filled in part what is missing, and what stood elsewhere."""
        for start in self.starts:
            _, finding = self.gaps[start]
            index, _, _ = self.turned_up.pop(id(finding), (None, None, None))
            if index is not None:
                finding.index, finding.expected = start, "entry %d" % start
                self.findings.add("entries_reordered", index, "entry %d before the entries that follow it" % index,
                                  "it stands behind them")


class Duplicates:
    """Finds events recorded twice, in bounded memory: a keyed hash of each goes to one of 64 temporary files."""

    def __init__(self):
        self.key = os.urandom(32)
        self.files = [tempfile.SpooledTemporaryFile(max_size=1 << 18) for _ in range(64)]

    def take(self, entry, index):
        identity = hashlib.blake2b(put_text(entry.source) + entry.event_id.encode(), digest_size=16, key=self.key)
        identity = identity.digest()
        self.files[identity[0] & 63].write(identity + struct.pack("<Q", index))

    def finish(self, findings):
        for file in self.files:
            size, before = file.tell(), (None, None)
            file.seek(0)
            for identity, index in sorted(struct.unpack("<16sQ", file.read(24)) for _ in range(size // 24)):
                if identity != before[0]:
                    before = identity, index
                elif index != before[1]:
                    findings.add("duplicate_event", index, "no second entry for the event of entry %d" % before[1],
                                 "entry %d" % index)
            file.close()


# ---------------------------------------------------------------------------------------------------------------------
# 5  The producers' own counts: "sources" of the manifest. Gaps make a pack incomplete, not altered.

SOURCES_MAX = GAPS_MAX = 100_000


class Source:
    """The numbers of one source: which came, and the gaps between first and last, as sorted (first, last) missing."""

    def __init__(self, number):
        self.events, self.first, self.last = 1, number, number
        self.gaps, self.forgotten, self.repeated, self.late = [], 0, 0, 0

    def take_gap(self, number):
        """Takes out the gap that this number lies in, if there is one."""
        at = bisect.bisect_right(self.gaps, (number, 2**64)) - 1
        return self.gaps.pop(at) if at >= 0 and number <= self.gaps[at][1] else None


class Sources:
    def __init__(self):
        self.sources, self.uncounted, self.gaps, self.truncated, self.missing = {}, 0, 0, False, 0

    def take(self, entry):
        number = entry.source_sequence
        if number == 0:
            self.uncounted += 1
        elif entry.source in self.sources:
            self.count(self.sources[entry.source], number)
        elif len(self.sources) < SOURCES_MAX:
            self.sources[entry.source] = Source(number)
        else:
            self.truncated = True

    def count(self, source, number):
        source.events += 1
        if number > source.last:
            self.open_gap(source, source.last + 1, number - 1)
            source.last = number
            return
        if number < source.first:
            source.late += 1
            self.open_gap(source, number + 1, source.first - 1)
            source.first = number
            return
        gap = source.take_gap(number)
        if gap is None:
            source.repeated += 1
            return
        source.late += 1
        self.gaps -= 1
        for first, last in ((gap[0], number - 1), (number + 1, gap[1])):
            if first <= last:
                bisect.insort(source.gaps, (first, last))
                self.gaps += 1

    def open_gap(self, source, first, last):
        if first > last:
            return
        if self.gaps < GAPS_MAX:
            bisect.insort(source.gaps, (first, last))
            self.gaps += 1
        else:
            source.forgotten += last - first + 1
            self.truncated = True

    def statement(self, from_start):
        """What the manifest should say, sums up to 2^64-1. From the ledger's start, sources should begin with 1."""
        listed = []
        for name, source in self.sources.items():
            gaps = ([(1, source.first - 1)] if from_start and source.first > 1 else []) + source.gaps
            missing = source.forgotten + sum(last - first + 1 for first, last in gaps)
            listed.append({"source": name, "events": source.events, "first": source.first, "last": source.last,
                           "missing": missing, "repeated": source.repeated, "late": source.late,
                           "gaps": [list(gap) for gap in gaps[:20]]})
        self.missing = sum(source["missing"] for source in listed)
        statement = {"counting": len(listed), "events": 0, "uncounted": self.uncounted,
                     "missing": 0, "repeated": 0, "late": 0}
        for name in ("events", "missing", "repeated", "late"):
            statement[name] = min(sum(source[name] for source in listed), 2**64 - 1)
        listed.sort(key=lambda source: (not (source["missing"] or source["repeated"]), source["source"].encode()))
        statement.update({"truncated": self.truncated, "listed": listed[:1000]})
        return statement


# ---------------------------------------------------------------------------------------------------------------------
# 6  The verification itself: "How to verify".

CHECKPOINT, MANIFEST, LOG_VKEY, README = "checkpoint", "manifest.json", "log.vkey", "README.txt"
JSONL, CSV = "events.jsonl", "events.csv"
KEY_HISTORY = "keys/history"
ENTRIES_BYTES_MAX = 256 * (65_535 + 2)
PAYLOADS_BYTES_MAX = 256 * (8 + 1_048_576 + 32 * (4 + 32 + 24 + 510))


class PackVerification:
    """One verification of a pack, from its checkpoint to its report."""

    def __init__(self, files, key, kept, progress):
        self.files, self.progress = files, progress
        self.findings, self.checked, self.not_checked, self.incomplete = Findings(), [], [], []
        self.counts = dict.fromkeys(("entries", "payloads_whole", "payloads_partial", "payloads_absent",
                                     "parts_disclosed", "parts_withheld", "bytes"), 0)
        self.more = dict.fromkeys(("tiles", "jsonl_lines", "csv_rows", "checkpoints", "trusted_checkpoints",
                                   "receipts"), 0)
        self.breaks = Breaks()
        self.trusted = False         # whether a trusted key signed the checkpoint
        self.recorded = None         # first and last time
        self.uneven = None           # first entry of a bundle with another number of entries than its name says
        self.doubtful = []           # tiles that the entries contradict: the root decides, at the end
        self.key = Keyring(key, open_key_history(files, self.findings))
        self.statements = StatementCheck(self)
        self.kept = Kept(self, kept.checkpoint, kept.receipt)
        self.roots = {}              # at the sizes that something kept, stated or signed speaks of

    def run(self):
        for place, found in self.files.damage:
            self.findings.add("container_damaged", None, "the zip as it was written; if another program packed it, "
                              "unpack it and verify the directory", found, place)
        self.statements.judge_trust()
        self.signed = self.read_checkpoint()
        self.manifest = self.read_manifest()
        self.lay_out()
        self.check_upper_tiles()
        self.check_bundles()
        self.settle()
        self.check_extent()
        self.check_root()
        self.kept.compare()
        self.statements.compare()
        self.breaks.cover(self.findings)
        self.compare_listings_and_manifest()
        self.conclude()

    def read(self, path, limit, kind, index=None):
        try:
            return self.files.read(path, limit)
        except FileProblem as problem:
            self.findings.add("container_damaged" if problem.damaged else kind, index, "the file", problem, path)
            return None

    # The checkpoint and the manifest ---------------------------------------------------------------------------------

    def read_checkpoint(self):
        """The checkpoint; one by another key is still read, because its numbers help to say what else is wrong."""
        content = self.read(CHECKPOINT, 1 << 20, "checkpoint_malformed")
        if content is None:
            return None
        self.more["checkpoints"] = 1
        try:
            signed = Checkpoint(content)
        except Malformed as error:
            self.findings.add("checkpoint_malformed", None, "a signed checkpoint", error, CHECKPOINT)
            return None
        if signed.extended:
            self.findings.add("checkpoint_malformed", None, "a checkpoint of three lines", "more lines", CHECKPOINT)
            return signed
        problem = signed.check(self.key)
        self.trusted = not problem
        if problem:
            self.findings.add(problem[0], None, "a signature by %s" % self.key.text, problem[1], CHECKPOINT)
        else:
            by_trusted = signed.note.names(self.key.trusted)
            self.checked.append("the checkpoint's signature, by the trusted key" if by_trusted else
                                "the checkpoint's signature, by a key that the trusted key leads to")
        return signed

    def read_manifest(self):
        content = self.read(MANIFEST, 16 << 20, "manifest_mismatch")
        try:
            return content and parse_manifest(content)
        except Malformed as error:
            self.findings.add("manifest_mismatch", None, "a manifest", error, MANIFEST)
            return None

    # Which files there are -------------------------------------------------------------------------------------------

    def lay_out(self):
        """Finds the entry bundles, and files that have no business here."""
        # The checkpoint may have been swapped; the files lie as the tree that the pack was made of has them.
        self.size = self.manifest["tree_size"] if self.manifest else self.signed and self.signed.size
        spans = {}
        for path in self.files.paths():
            span = path.startswith("tile/entries/") and parse_span(path[len("tile/entries/"):])
            if span:
                meant = self.size is not None and span_of(span[0], self.size)
                kept = spans.setdefault(span[0], span)
                if kept != meant and (span == meant or span[1] > kept[1]):
                    spans[span[0]] = span
        self.spans = [spans[number] for number in sorted(spans)]
        self.bundles = (self.spans[0][0], self.spans[-1][0] + 1) if self.spans else (0, 0)
        self.folded = collections.Counter(map(fold, self.files.paths()))
        for path in sorted(self.files.paths()):
            if not self.belongs(path, spans):
                self.findings.add("unexpected_file", None, "no such file", "a file", path)
        # A root is of use where it is of the tree that the files are of.
        self.proving = self.signed if self.signed and self.signed.size == self.size else None
        self.tree = self.proving and SignedTree(self.proving.size, self.proving.root, self.read_tile)
        self.full = self.proving and self.bundles == (0, -(-self.proving.size // 256))

    def belongs(self, path, spans):
        if path in (CHECKPOINT, MANIFEST, LOG_VKEY, README, JSONL, CSV, KEY_HISTORY):
            return True
        if not path.startswith(("tile/", "payload/")):
            named = self.manifest is not None and path in self.manifest["files"]
            return named and (path in CARRIED or is_timestamp(path) or
                              is_strict(path) and self.folded[fold(path)] == 1)
        for prefix in ("tile/entries/", "payload/"):
            span = path.startswith(prefix) and parse_span(path[len(prefix):])
            if span:
                return spans.get(span[0]) == span
        tile = parse_tile(path)
        if tile is None:
            return False
        level, span = tile
        return (self.size is None or self.holds_tile(level, span)
                or (level == 0 and spans.get(span[0]) == span))

    def holds_tile(self, level, span):
        """Whether a pack of these bundles and this size has this tile."""
        first, end = self.bundles
        over = first < end and first >> 8 * level <= span[0] <= end - 1 >> 8 * level
        return span_of(span[0], self.size >> 8 * level) == span and (over or span[1] < 256)

    def upper_tiles(self):
        """The tiles that a pack has beside those of its bundles: above them, and at the right edge of the tree."""
        size, numbers = self.proving.size, {number for number, _ in self.spans}
        for level in range(8):
            # Only what lies above bundles that are here: sizes and names may claim any number of others.
            spans = [span_of(number, size >> 8 * level) for number in sorted(numbers) if level]
            edge = span_of((size >> 8 * level) // 256, size >> 8 * level)
            if edge and edge[0] not in numbers:
                spans.append(edge)
            for span in filter(None, spans):
                yield level, span
            numbers = {number >> 8 for number in numbers}

    def read_tile(self, level, span):
        """The hashes of a tile of this width; None where it can't be had, which is said elsewhere."""
        try:
            hashes = split_tile(self.files.read(tile_path(level, span), 8192))
        except FileProblem:
            return None
        return hashes if hashes and len(hashes) == span[1] else None

    def check_upper_tiles(self):
        """In a part of the ledger these tiles lead from its entries to the root; in a whole one they are made again."""
        if not self.proving or not self.spans:
            return
        if not self.trusted:
            self.not_checked.append("the hash tiles above the bundles: no trusted key signed the checkpoint")
            return
        edge_said, missing = self.full, []
        for level, span in self.upper_tiles():
            path, is_edge = tile_path(level, span), span[1] < 256
            hashes = self.read_tile(level, span)
            if hashes is None:
                edge_said |= is_edge
                if path in self.files.paths():
                    self.findings.add("tile_altered", None, "%d hashes" % span[1], "other bytes", path)
                else:
                    missing.append((path, span))
            elif not self.full:
                self.more["tiles"] += 1
                good = self.tree.vouches_for(level, span, hashes)
                # The partial tiles make the root together: which of them is wrong can't be told.
                if not good and not (is_edge and edge_said) and \
                        (is_edge or self.tree.slot(level + 1, span[0]) is not None):
                    self.findings.add("tile_altered", None, "a tile of the tree that the checkpoint signs", "another",
                                      path)
                edge_said |= is_edge
        if missing:
            (path, span), more = missing[0], len(missing) - 1
            self.findings.add("tile_missing", None, "%d hashes" % span[1],
                              "nothing, nor for %d more tiles" % more if more else "nothing", path)

    # The entries, bundle by bundle -----------------------------------------------------------------------------------

    def check_bundles(self):
        first = 256 * self.bundles[0]
        self.order = Order(first, self.key.name, self.findings)
        self.frontier = Frontier() if first == 0 else None
        self.upper = []              # from level 1 up: the hashes made again of the tile that is not yet full
        self.upper_numbers = []
        self.sources, self.duplicates = Sources(), Duplicates()
        self.watched = sorted({size for _, size, _ in self.kept.roots} | set(self.statements.stated)
                              | ({self.signed.size} if self.signed else set()))
        self.jsonl, self.csv = (Listing(path, self.files, self.findings) for path in (JSONL, CSV))
        self.csv.follow([(None, CSV_HEADER)])
        self.csv.lines = 0
        total = sum(width for _, width in self.spans)
        for span in self.spans:
            self.check_bundle(span)
            self.progress(self.counts["entries"], total)

    def check_bundle(self, span):
        first = 256 * span[0]
        path = "tile/entries/" + span_path(span)
        entries = self.read(path, ENTRIES_BYTES_MAX, "entry_malformed", first)
        payloads = self.read("payload/" + span_path(span), PAYLOADS_BYTES_MAX, "payload_missing", first)
        tile_span = self.size and span_of(span[0], self.size) or span
        tile = self.read(tile_path(0, tile_span), 8192, "tile_missing", first)
        hashes = tile and split_tile(tile)
        if tile is not None and (not hashes or len(hashes) != tile_span[1]):
            self.findings.add("tile_altered", first, "%d hashes" % tile_span[1], "%d bytes" % len(tile),
                              tile_path(0, tile_span))
            hashes = None
        if entries is None:
            self.jsonl.open = self.csv.open = False
            self.frontier = None
            self.order.unreadable(first + span[1])
            return
        entries, rest = split_bundle(entries)
        if rest:
            self.findings.add("entry_malformed", first + len(entries), "an entry",
                              "%d bytes that are not" % len(rest), path)
        if len(entries) != span[1] and self.uneven is None:
            self.uneven = first
        decoded, leaves = self.check_entries(first, entries)
        parts = self.check_payloads(first, decoded, payloads)
        self.follow_listings(first, decoded, leaves, parts)
        self.keep_roots(first, leaves)
        self.kept.follow(first, leaves)
        self.statements.follow(first, decoded)
        self.compare_tile(first, tile_span, hashes, decoded, leaves)
        self.compare_upper(first, leaves)
        self.follow_order(first, entries, decoded, leaves)

    def check_entries(self, first, entries):
        """Decodes the entries: None for one that is malformed."""
        decoded = []
        for index, content in enumerate(entries, first):
            self.counts["entries"] += 1
            self.counts["bytes"] += len(content)
            try:
                decoded.append(Entry(content))
            except Malformed as error:
                decoded.append(None)
                self.findings.add("entry_malformed", index, "an entry", error)
        return decoded, [leaf_hash(content) for content in entries]

    def check_payloads(self, first, decoded, content):
        """The parts of each payload, compared with the commitment in its entry; None where they can't be had."""
        if content is None:
            self.counts["payloads_absent"] += len(decoded)
            return [None] * len(decoded)
        payloads, at = [], 0
        for index in range(first, first + len(decoded)):
            try:
                if at == len(content):
                    self.findings.add("payload_missing", index, "a payload", "the end of the payloads")
                    break
                parts, at = read_kept(content, at)
                payloads.append(parts)
            except Malformed as error:
                self.findings.add("payload_malformed", index, "a payload", error)
                break
        else:
            if at < len(content):
                self.findings.add("payload_malformed", first + max(len(decoded) - 1, 0), "the end of the bundle",
                                  "%d bytes more" % (len(content) - at))
        commitments = payload_commitments(payloads)
        for index, (entry, parts, commitment) in enumerate(zip(decoded, payloads, commitments), first):
            if not parts:
                self.counts["payloads_absent"] += 1
                if entry:
                    self.findings.add("payload_missing", index, entry.commitment.hex(), LOST_PAYLOAD)
                continue
            disclosed = [part for part in parts if part.commitment is None]
            whole = len(disclosed) == len(parts)
            self.counts["payloads_whole" if whole else "payloads_partial"] += 1
            self.counts["parts_disclosed"] += len(disclosed)
            self.counts["parts_withheld"] += len(parts) - len(disclosed)
            self.counts["bytes"] += sum(len(part.content) for part in disclosed)
            if entry and entry.commitment != commitment:
                self.findings.add("payload_altered", index, entry.commitment.hex(), commitment.hex())
            elif entry:
                self.breaks.take(entry, parts)
        # Behind a payload that can't be read, where the next one begins is not known.
        missing = len(decoded) - len(payloads)
        self.counts["payloads_absent"] += max(missing - 1, 0)
        return payloads + [None] * missing

    def follow_listings(self, first, decoded, leaves, payloads):
        rows = [(index, entry, leaf, parts)
                for index, (entry, leaf, parts) in enumerate(zip(decoded, leaves, payloads), first)
                if entry and parts is not None]
        self.jsonl.follow((index, jsonl_line(entry, leaf, parts)) for index, entry, leaf, parts in rows)
        self.csv.follow((index, csv_row(entry, parts)) for index, entry, leaf, parts in rows)

    def follow_order(self, first, entries, decoded, leaves):
        """What needs the entries before: chain, index, clock, the producers' counts, and the tree."""
        chains = derive_key(CHAIN, entries)
        for entry, chain in zip(decoded, chains):
            if entry is None:
                self.order.unreadable(self.order.next + 1)
                continue
            self.order.follow(entry, chain)
            self.sources.take(entry)
            self.duplicates.take(entry, entry.index)
            self.recorded = (self.recorded[0] if self.recorded else entry.recorded_at, entry.recorded_at)
        if self.frontier:
            for leaf in leaves:
                self.frontier.push(leaf)

    def keep_roots(self, first, leaves):
        if self.frontier is None or self.frontier.size != first:
            return
        for size in self.watched:
            if first <= size <= first + len(leaves):
                grown = Frontier(self.frontier.size, self.frontier.roots)
                for leaf in leaves[:size - first]:
                    grown.push(leaf)
                self.roots[size] = grown.root()

    def root_at(self, size):
        """The root of this tree when it had this size, from entries or tiles; None where neither is here."""
        return EMPTY_ROOT if size == 0 else self.roots.get(size) or (self.tree and self.tree.root_at(size))

    def size_known(self):
        return self.signed.size if self.signed else self.order.next

    def compare_tile(self, first, span, hashes, decoded, leaves):
        """Compares a level-0 tile with the entries under it. Where they differ, the signed root says which is wrong."""
        if hashes is None:
            return
        self.more["tiles"] += 1
        same = hashes == leaves
        if span[1] == 256:
            slot = self.tree and self.tree.slot(1, span[0])
            vouched = bool(slot) and slot == perfect_root(hashes)
        else:
            slot = None
            vouched = bool(self.tree) and self.tree.edge_holds
        if vouched and not same:
            for index, (hash, leaf, entry) in enumerate(zip(hashes, leaves, decoded), first):
                # An entry that stands elsewhere is said to be misplaced, one that is malformed to be so.
                if hash != leaf and entry and entry.index == index:
                    self.findings.add("entry_altered", index, "leaf %s" % hash.hex(), "leaf %s" % leaf.hex())
        elif slot and not vouched and same:
            self.findings.add("entry_altered", first, "root %s over its bundle of 256 entries" % slot.hex(),
                              perfect_root(hashes).hex())
        elif not same:
            at = next((at for at, (a, b) in enumerate(zip(hashes, leaves)) if a != b), min(len(hashes), len(leaves)))
            self.doubtful.append((tile_path(0, span), first + at))

    def compare_upper(self, first, leaves):
        """In a pack of the whole ledger: makes the tiles above again, and compares those that are complete."""
        if not self.full or len(leaves) != 256:
            return
        level, hashes = 1, leaves
        while len(hashes) == 256:
            if len(self.upper) < level:
                self.upper.append([])
                self.upper_numbers.append(0)
            made = self.upper[level - 1]
            made.append(perfect_root(hashes))
            if len(made) < 256:
                return
            number, hashes = self.upper_numbers[level - 1], list(made)
            self.compare_made(level, (number, 256), hashes, first)
            made.clear()
            self.upper_numbers[level - 1] += 1
            level += 1

    def compare_made(self, level, span, hashes, under):
        found = self.read_tile(level, span)
        if found is not None:
            self.more["tiles"] += 1
            if found != hashes:
                self.doubtful.append((tile_path(level, span), under))

    # What only the end shows -----------------------------------------------------------------------------------------

    def settle(self):
        for level, (number, hashes) in enumerate(zip(self.upper_numbers, self.upper), 1):
            if hashes:
                self.compare_made(level, (number, len(hashes)), hashes, self.order.next)
        self.order.settle()
        self.duplicates.finish(self.findings)

    def check_extent(self):
        """Whether the entries begin and end where they should."""
        range_said, end = self.manifest and self.manifest["range"], self.order.next
        if not self.spans:
            if range_said and range_said["start"] < range_said["end"]:
                self.findings.add("missing_entries", range_said["start"],
                                  "entries %(start)d to %(end)d" % range_said, "no entry")
        else:
            start = 256 * self.bundles[0]
            if range_said and range_said["start"] < start:
                self.findings.add("missing_entries", range_said["start"], "entry %(start)d" % range_said,
                                  "entry %d" % start)
            due = [0]
            if self.signed:
                whole = span_of(self.spans[-1][0], self.signed.size)
                due.append(256 * whole[0] + whole[1] if whole else 0)
            if range_said:  # a manifest that says more than the checkpoint covers is wrong itself
                due.append(min(range_said["end"], self.signed.size if self.signed else 2**64))
            if max(due) > end:
                self.findings.add("missing_entries", end, "entries up to %d" % max(due), "the end at %d" % end)
            if self.signed and self.signed.size < end:
                self.findings.add("checkpoint_behind", self.signed.size, "a checkpoint of at least %d entries" % end,
                                  "one of %d" % self.signed.size)
        if self.uneven is not None and not self.order.misplaced and \
                not self.findings.has("missing_entries", "entry_malformed"):
            self.findings.add("entries_reordered", self.uneven, "each entry in its bundle",
                              "another number of entries in this bundle")

    def check_root(self):
        """The root over all entries against the signed one; and, where that holds, which tiles are wrong."""
        if self.signed is None:
            return
        explained = self.order.misplaced or self.findings.has("entry_altered", "entry_malformed", "missing_entries")
        root = EMPTY_ROOT if self.signed.size == 0 and self.bundles[0] == 0 else self.roots.get(self.signed.size)
        if root is not None and root != self.signed.root:
            if not explained:
                self.findings.add("root_mismatch", None, "root %s" % self.signed.root.hex(), "root %s" % root.hex())
            return
        if root is not None:
            self.checked.append("the root over all entries, against the checkpoint")
        elif self.bundles[0] == 0 and 256 * self.bundles[1] >= self.signed.size:
            return
        elif self.spans and self.tree:
            self.checked.append("the entries against the hash tiles, and the hash tiles against the signed root")
        for path, index in self.doubtful:
            self.findings.add("tile_altered", index, "the hashes of the signed tree", "others", path)

    # The derived files -----------------------------------------------------------------------------------------------

    def compare_listings_and_manifest(self):
        if not (self.jsonl.open and self.csv.open):
            self.not_checked.append("%s after %d lines and %s after %d rows: they differ there, or what they should "
                                    "say is unreadable" % (JSONL, self.jsonl.lines, CSV, self.csv.lines))
        self.more["jsonl_lines"], self.more["csv_rows"] = self.jsonl.lines, self.csv.lines
        digests = {JSONL: self.jsonl.finish(), CSV: self.csv.finish()}
        self.statement = self.sources.statement(self.bundles[0] == 0)
        if self.manifest:
            manifest = ManifestCheck(self, self.manifest)
            manifest.compare(dict(self.more, **self.counts), self.statement)
            manifest.compare_files(digests)

    # The verdict -----------------------------------------------------------------------------------------------------

    def range(self):
        return {"start": 256 * self.bundles[0], "end": self.order.next}

    def conclude(self):
        counts, more, here = self.counts, self.more, self.range()
        self.checked += [
            counted(counts["entries"], "entry", "entries") + ": form, place, clock, chain and leaf of each",
            counted(counts["payloads_whole"], "payload") + ", every part",
            counted(counts["payloads_partial"], "payload") + " as far as disclosed",
            counted(counts["parts_disclosed"], "disclosed part") + ", against the commitments",
            counted(more["tiles"], "hash tile") + ", every hash",
            "that no event was recorded twice",
            "%s of %s and %s of %s" % (counted(more["jsonl_lines"], "line"), JSONL,
                                       counted(more["csv_rows"], "row"), CSV),
            counted(more["trusted_checkpoints"], "kept checkpoint") + ": history continues from there",
            "%s: %s there" % (counted(more["receipts"], "kept receipt"), "the entry still stands"
                              if more["receipts"] == 1 else "their entries still stand")]
        self.checked = [line for line in self.checked if not line.startswith("0 ")]
        if counts["parts_withheld"]:
            self.not_checked.append("the content of %s: only commitments are here"
                                    % counted(counts["parts_withheld"], "withheld or erased part"))
        if counts["payloads_absent"]:
            self.not_checked.append("%s, not here" % counted(counts["payloads_absent"], "payload"))
        if self.signed and (here["start"] > 0 or here["end"] < self.signed.size):
            self.not_checked.append("the entries of the ledger outside %d to %d: it has %d, and they are not in this "
                                    "pack" % (here["start"], here["end"], self.signed.size))
        if self.manifest and self.manifest["filter"] is not None:
            self.not_checked.append("that the filter in the manifest is why payloads are withheld: nobody signs the "
                                    "manifest")
        own = [(span.key.name, span.key.id) for span in self.key.spans]
        others = self.signed and [line for line in self.signed.note.signatures if line[:2] not in own]
        if others and len(self.signed.note.signatures) > 1:
            self.not_checked.append("the signatures by other keys on the checkpoint, such as witnesses'")
        if counts["entries"] == 0:
            self.incomplete.append("there is no entry, so nothing was verified")
        if self.statement["truncated"]:
            self.incomplete.append("the producers' counts of all sources: at most %d sources and gaps are followed, "
                                   "and there are more" % SOURCES_MAX)
        missing = self.sources.missing - self.breaks.cover_gaps(self.statement["listed"])
        if missing:
            self.incomplete.append("%d events that producers counted never arrived" % missing)
        if self.statement["repeated"]:
            self.incomplete.append("%d events carry a number that their source had used before"
                                   % self.statement["repeated"])

    def report(self):
        return report_of("pack", self.key, self.findings, self.incomplete, self.checked, self.not_checked,
                         breaks=self.breaks.statement(self.range()), size=self.signed and self.signed.size,
                         root=self.signed and self.signed.root.hex(), range=self.range(), counts=self.counts,
                         more=self.more, sources=self.statement)


# ---------------------------------------------------------------------------------------------------------------------
# 7  The listings made for people: "events.jsonl" and "events.csv". They are made again and compared.

CSV_HEADER = (b"index,recorded_at,occurred_at,event_type,source,source_sequence,event_id,subject,producer,"
              b"parts_disclosed,parts_withheld\r\n")
WHITE_SPACE = "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a" \
              "\u2028\u2029\u202f\u205f\u3000"


@functools.lru_cache(maxsize=64)
def second_text(second):
    return (datetime(1970, 1, 1) + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")


def rfc3339(nanos):
    return "%s.%09dZ" % (second_text(nanos // 10**9), nanos % 10**9)


def json_text(text):
    return json.dumps(text, ensure_ascii=False)


def refuse_constant(name):
    raise ValueError(name)


def small_integer(digits):
    """Python takes very long for a number of very many digits."""
    if len(digits) > 20:
        raise ValueError("an integer of %d digits" % len(digits))
    return int(digits)


def read_json(content):
    """What JSON says; ValueError or RecursionError where it is none that a pack can have."""
    return json.loads(content.decode("utf-8"), parse_constant=refuse_constant, parse_int=small_integer)


def is_json_line(part):
    """Whether the part says that it is JSON, is, nested at most 127 deep, and fits a line."""
    media_type = part.content_type.split(";")[0].strip(WHITE_SPACE)
    if media_type != "application/json" and not media_type.endswith("+json"):
        return False
    if b"\n" in part.content or b"\r" in part.content:
        return False
    try:
        text = part.content.decode("utf-8")
        if depth(text) > 127:
            return False
        # Numbers are kept as text: RFC 8259 has no limit for them.
        json.loads(text, parse_constant=refuse_constant, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True


def depth(text):
    """How deep lists and objects nest, where the text is JSON."""
    if text.count("[") + text.count("{") <= 127:
        return 0  # not deep enough to count
    deepest = now = 0
    outside = text.replace("\\\\", "").replace('\\"', "").split('"')[::2]  # of strings
    for bracket in re.findall(r"[][{}]", "".join(outside)):
        now += 1 if bracket in "[{" else -1
        deepest = max(deepest, now)
    return deepest


def jsonl_part(part):
    if part.commitment is not None:
        return '{"withheld":"%s"}' % part.commitment.hex()
    start = '{"name":%s,"content_type":%s,' % (json_text(part.name), json_text(part.content_type))
    if is_json_line(part):
        return '%s"json":%s}' % (start, part.content.decode("utf-8"))
    try:
        return '%s"text":%s}' % (start, json_text(part.content.decode("utf-8")))
    except UnicodeDecodeError:
        return '%s"base64":"%s"}' % (start, base64.b64encode(part.content).decode())


def jsonl_line(entry, leaf, parts):
    def moment(name, nanos):
        if nanos == 0:
            return '"%s":null' % name
        return '"%s":"%s","%s_nanos":"%d"' % (name, rfc3339(nanos), name, nanos)

    return ('{"index":%d,%s,%s,"source_sequence":%s,"event_type":%s,"source":%s,"event_id":%s,"subject":%s,'
            '"producer":%s,"commitment":"%s","leaf_hash":"%s","parts":[%s]}\n' % (
                entry.index, moment("recorded_at", entry.recorded_at), moment("occurred_at", entry.occurred_at),
                entry.source_sequence or "null", json_text(entry.event_type), json_text(entry.source),
                json_text(entry.event_id), json_text(entry.subject), json_text(entry.producer),
                entry.commitment.hex(), leaf.hex(), ",".join(map(jsonl_part, parts)))).encode()


def csv_cell(text):
    quoted = any(c in text for c in ',"\r\n') or text.startswith(" ") or text.endswith(" ")
    if text[:1] in ("=", "+", "-", "@", "'", "\t", "\r", "\n"):
        text = "'" + text  # or a spreadsheet takes it for a formula
    return '"%s"' % text.replace('"', '""') if quoted else text.replace('"', '""')


def csv_row(entry, parts):
    withheld = sum(part.commitment is not None for part in parts)
    return (",".join([
        str(entry.index), rfc3339(entry.recorded_at), rfc3339(entry.occurred_at) if entry.occurred_at else "",
        csv_cell(entry.event_type), csv_cell(entry.source), str(entry.source_sequence or ""),
        csv_cell(entry.event_id), csv_cell(entry.subject), csv_cell(entry.producer),
        str(len(parts) - withheld), str(withheld)]) + "\r\n").encode()


class Listing:
    """A listing in the pack, compared piece by piece with what the entries say."""

    def __init__(self, path, files, findings):
        self.path, self.findings, self.lines, self.bytes = path, findings, 0, 0
        self.buffer, self.at, self.hasher, self.open = b"", 0, blake3_stream(), True
        try:
            self.pieces = iter(files.stream(path))
        except FileProblem as problem:
            self.stop("derived_mismatch", None, "the file", problem)

    def stop(self, kind, index, expected, found):
        self.open = False
        self.findings.add(kind, index, expected, found, self.path)

    def next(self, length):
        """The next bytes of the file, fewer only at its end."""
        while len(self.buffer) - self.at < length:
            piece = next(self.pieces, None)
            if piece is None:  # an empty piece is not the end: it may come of an empty block
                break
            self.buffer, self.at = self.buffer[self.at:] + piece, 0
        there = self.buffer[self.at:self.at + length]
        self.at += len(there)
        return there

    def follow(self, lines):
        """Compares the next lines, given as (index, text)."""
        followed = 0
        for index, due in lines if self.open else ():
            try:
                there = self.next(len(due))
            except FileProblem as problem:
                return self.stop("container_damaged", None, "a readable file", problem)
            if there != due:
                at = next((at for at, (a, b) in enumerate(zip(due, there)) if a != b), len(there))
                return self.stop("derived_mismatch", index, shown(due, at),
                                 shown(there, at) if at < len(there) else "the end of the file")
            self.hasher.update(due)
            self.bytes, followed = self.bytes + len(due), followed + 1
        self.lines += followed

    def finish(self):
        """Length and digest of the file, if all of it was right."""
        if not self.open:
            return None
        try:
            if self.next(1):
                return self.stop("derived_mismatch", None, "the end of the file", "more lines")
        except FileProblem as problem:
            return self.stop("container_damaged", None, "a readable file", problem)
        return {"bytes": self.bytes, "blake3": self.hasher.digest().hex()}


def shown(line, at):
    """A line around the place where it differs."""
    start = max(at - 20, 0)
    return "\u2026%s\u2026" % line[start:start + 60].decode("utf-8", "replace").rstrip()


# ---------------------------------------------------------------------------------------------------------------------
# 8  The manifest: "manifest.json". Nobody signs it, so whatever in it can be checked is checked.

def u64(value):
    return type(value) is int and 0 <= value < 2**64


def is_text(value):
    return type(value) is str


def is_digest(value):
    return is_text(value) and re.fullmatch("[0-9a-f]{64}", value, re.ASCII) is not None


def is_truth(value):
    return type(value) is bool


def list_of(form):
    return lambda value: type(value) is list and all(fits(item, form) for item in value)


def or_null(form):
    return lambda value: value is None or fits(value, form)


def fits(value, form):
    """Whether a JSON value has a form: a function that says so, or a dict of members, all there, in this order."""
    if callable(form):
        return form(value)
    return type(value) is dict and list(value) == list(form) and all(fits(value[name], form[name]) for name in form)


def is_filter(value):
    forms = {"event_types": list_of(is_text), "sources": list_of(is_text), "subjects": list_of(is_text),
             "recorded_from": u64, "recorded_before": u64}
    return (type(value) is dict and list(value) == [name for name in forms if name in value]
            and all(fits(value[name], forms[name]) and value[name] != [] for name in value))


def is_files(value):
    return type(value) is dict and list(value) == sorted(value) and all(
        fits(digest, {"bytes": u64, "blake3": is_digest}) for digest in value.values())


RANGE = {"start": u64, "end": u64}
SOURCE = {"source": is_text, "events": u64, "first": u64, "last": u64, "missing": u64, "repeated": u64,
          "late": u64, "gaps": list_of(lambda gap: list_of(u64)(gap) and len(gap) == 2)}
MANIFEST_FORM = {
    "format": lambda value: value == "exhibit-pack/1", "tool": is_text, "origin": is_text, "key": is_text,
    "tree_size": u64, "root": is_digest, "checkpoint": is_text, "requested": RANGE, "range": RANGE,
    "recorded": or_null({"first": is_text, "last": is_text}), "filter": or_null(is_filter),
    "withhold_parts": list_of(is_text),
    "counts": {name: u64 for name in ("entries", "payloads_whole", "payloads_partial", "parts_disclosed",
                                      "parts_withheld", "tiles")},
    "sources": {"counting": u64, "events": u64, "uncounted": u64, "missing": u64, "repeated": u64, "late": u64,
                "truncated": is_truth, "listed": list_of(SOURCE)},
    "files": is_files, "container": is_digest}


def parse_manifest(content):
    try:
        manifest = read_json(content)
    except (ValueError, RecursionError) as error:
        raise Malformed("it is not JSON: %s" % error)
    said = manifest.get("format") if type(manifest) is dict else None
    if is_text(said) and said != "exhibit-pack/1":
        raise Malformed("its format is %s; this program reads exhibit-pack/1" % said[:100])
    if not fits(manifest, MANIFEST_FORM):
        raise Malformed("a member is missing, superfluous, out of order or of another kind")
    if json.dumps(manifest, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n" != content:
        raise Malformed("it is not written in its one form")
    return manifest


class ManifestCheck:
    """Compares the manifest, which nobody signs, with what was found, and the files that no tree covers with it."""

    def __init__(self, check, manifest):
        self.check, self.manifest, self.findings = check, manifest, check.findings

    def differ(self, member, expected, said):
        if expected != said:
            self.findings.add("manifest_mismatch", None, json.dumps(expected), json.dumps(said),
                              "%s, %s" % (MANIFEST, member))

    def compare(self, counts, sources):
        check, manifest, whole = self.check, self.manifest, self.findings.total == 0
        self.differ("origin", check.key.name, manifest["origin"])
        reached = len(check.key.spans)
        beyond = check.key.history.spans[reached:] if reached else []
        if manifest["key"] not in [span.key.text for span in beyond]:  # which is a finding already
            self.differ("key", check.key.current().text, manifest["key"])
        if check.signed:
            self.differ("tree_size", check.signed.size, manifest["tree_size"])
            self.differ("root", check.signed.root.hex(), manifest["root"])
            self.differ("checkpoint", check.signed.note.whole, manifest["checkpoint"])
        asked = manifest["requested"]  # bundles on the edges are whole
        self.differ("range", {"start": asked["start"] // 256 * 256,
                              "end": min(-(-asked["end"] // 256) * 256, manifest["tree_size"])}, manifest["range"])
        if not whole:
            return  # where something else is wrong, numbers that differ are not the manifest's fault
        self.differ("range", check.range(), manifest["range"])
        self.differ("counts", {name: counts[name] for name in MANIFEST_FORM["counts"]}, manifest["counts"])
        self.differ("recorded", check.recorded and dict(zip(("first", "last"), map(rfc3339, check.recorded))),
                    manifest["recorded"])
        self.differ("sources", sources, manifest["sources"])

    def compare_files(self, digests):
        """The digests of the files that no tree covers, and that of the zip."""
        files, listed = self.check.files, self.manifest["files"]
        due = [CHECKPOINT, LOG_VKEY, JSONL, CSV, README] + [KEY_HISTORY] * (KEY_HISTORY in files.paths())
        for path in due:
            if path not in listed:
                self.findings.add("manifest_mismatch", None, "a digest in the manifest", "none", path)
        for path, said in listed.items():
            if path == MANIFEST:
                self.findings.add("manifest_mismatch", None, "no digest of itself", "one", MANIFEST)
                continue
            there = digests[path] if path in digests else self.digest_of(path, said["bytes"])
            if there is not None and there != said:
                self.findings.add("manifest_mismatch", None, json.dumps(said), json.dumps(there), path)
            if path == LOG_VKEY and there is not None and there == said:
                self.judge_key_file(there)
            elif path == "verify.py" and there is not None:
                self.judge_script(there)
            elif path == README or path not in due and path != KEY_HISTORY:
                self.check.not_checked.append("%s: only its digest, against the manifest, which nobody signs" % path)
        if MANIFEST in files.paths() and isinstance(files, Zip):
            found = files.digest_before(MANIFEST)
            if found != self.manifest["container"]:
                self.findings.add("container_damaged", None, "a zip with the digest " + self.manifest["container"],
                                  found, "the zip before its manifest")

    def digest_of(self, path, length):
        hasher, read = blake3_stream(), 0
        try:
            for piece in self.check.files.stream(path):
                piece = piece[:length + 1 - read]  # a byte more than it says is enough to see that it is longer
                hasher.update(piece)
                read += len(piece)
                if read > length:
                    break
        except FileProblem as problem:
            self.findings.add("container_damaged" if problem.damaged else "manifest_mismatch", None, "the file",
                              problem, path)
            return None
        return {"bytes": read, "blake3": hasher.digest().hex()}

    def judge_key_file(self, there):
        """Whether the key beside the manifest is the one that the manifest names."""
        if there["blake3"] != blake3_hex((self.manifest["key"] + "\n").encode()):
            self.findings.add("manifest_mismatch", None, "the key " + self.manifest["key"], "another text", LOG_VKEY)

    def judge_script(self, there):
        """Whether the pack carries this very program."""
        with open(os.path.abspath(__file__), "rb") as file:
            own = blake3_hex(file.read())
        if there["blake3"] == own:
            self.check.checked.append("that the pack carries this very program as verify.py")
        elif self.manifest["tool"] == "exhibit " + VERSION:
            self.findings.add("carried_altered", None, "this program, BLAKE3 %s" % own,
                              "BLAKE3 %s" % there["blake3"], "verify.py")
        else:
            self.check.not_checked.append("verify.py: it is not this program (BLAKE3 %s; the pack says it is of %s)"
                                          % (there["blake3"], self.manifest["tool"]))


# ---------------------------------------------------------------------------------------------------------------------
# 9  Keys over years: "The history of keys". A ledger's key can be rotated to another, retired, and given up as
#    compromised. Each change is a statement, signed by the keys that must; all of them stand in `keys/history`.

HISTORY_BYTES_MAX, STATEMENTS_MAX = 1 << 20, 500
CHANGES = {"rotated": "ledger.key-rotated.v1", "retired": "ledger.key-retired.v1",
           "compromised": "ledger.key-compromised.v1"}


class Statement:
    """A note whose text is a fixed list of lines, the first of which no checkpoint can have."""

    def __init__(self, content):
        self.note = Note(content)
        lines = self.note.text.split("\n")

        def after(beginning):
            if not lines or not lines[0].startswith(beginning):
                raise Malformed("a statement has no line `%s`" % beginning.strip())
            return lines.pop(0)[len(beginning):]

        if after("exhibit key statement v1"):
            raise Malformed("the first line of a statement is another")
        self.origin, self.number = after("origin "), decode_decimal(after("number "), "the number")
        self.previous = after("previous ")
        if self.previous != "none" and not re.fullmatch("[0-9a-f]{64}", self.previous, re.ASCII):
            raise Malformed("a statement does not name the one before it")
        self.what, _, key = after("").partition(" ")
        if self.what not in CHANGES:
            raise Malformed("what happened to the key is not known")
        self.key = VerifierKey(key)
        self.successor = VerifierKey(after("to ")) if self.what == "rotated" else None
        self.stands = decode_decimal(after("from "), "a size") if self.what == "compromised" else None
        self.size = decode_decimal(after("size "), "the size")
        self.root = decode_base64(after("root "), "the root")
        decode_decimal(after("time "), "the time")
        self.reason = after("reason ")
        if lines != [""] or len(self.root) != 32 or not 1 <= len(self.reason.encode()) <= 1000 or \
                any(unicodedata.category(c) == "Cc" for c in self.reason) or (self.stands or 0) > self.size:
            raise Malformed("a statement has more lines, or one that is not as it should be")
        if any(key and key.name != self.origin for key in (self.key, self.successor)):
            raise Malformed("a statement speaks of another ledger's key")
        self.digest = blake3_hex(self.note.text.encode())  # the entry that records the statement has this event id

    def check(self, keys):
        """Whether these keys signed it, in this order, and nobody else."""
        signers = [(name, id) for name, id, _ in self.note.signatures]
        return signers == [(key.name, key.id) for key in keys] and not any(map(self.note.check, keys))


class KeySpan:
    """A key, the smallest and the largest tree that it signs, and the largest for which its signature stands."""

    def __init__(self, key, first):
        self.key, self.first, self.last, self.stands = key, first, None, None


class KeyHistory:
    """The statements in order. Each fits those before it, names the last of them, and is signed by who must sign."""

    def __init__(self, content):
        if len(content) > HISTORY_BYTES_MAX:
            raise Malformed("the history of keys is too long")
        self.statements, self.spans = [], []
        try:
            blocks = content.decode("utf-8").split("\n\n") if content else []
        except UnicodeDecodeError:
            raise Malformed("the history of keys is not UTF-8")
        if len(blocks) % 2 or len(blocks) > 2 * STATEMENTS_MAX or (blocks and not blocks[-1].endswith("\n")):
            raise Malformed("the history of keys is not a list of statements")
        for at in range(0, len(blocks), 2):
            end = "" if at + 2 == len(blocks) else "\n"
            self.take(Statement((blocks[at] + "\n\n" + blocks[at + 1] + end).encode()))

    def take(self, statement):
        last = self.statements[-1] if self.statements else None
        if statement.number != len(self.statements) + 1 or statement.previous != (last.digest if last else "none") \
                or (last and (last.origin != statement.origin or last.size >= statement.size)):
            raise Malformed("statement %d does not follow the one before it" % statement.number)
        if not last and statement.what == "rotated":
            self.spans.append(KeySpan(statement.key, 0))
        signing = [span for span in self.spans if span.last is None]
        own = self.spans and self.spans[-1]
        span = next((span for span in self.spans if span.key.text == statement.key.text), None)
        if statement.what == "rotated":
            known = [span.key.public for span in self.spans]
            fits, signers = span and span is own and len(signing) == 1 and statement.successor.public not in known, \
                [statement.key, statement.successor]
        else:
            free = span and (span.last is None if statement.what == "retired" else span.stands is None)
            fits, signers = free and span is not own, [own.key] if own else []
        if not fits:
            raise Malformed("statement %d does not fit the keys that the ledger had" % statement.number)
        if not statement.check(signers):
            raise Malformed("statement %d is not signed by the keys that must sign it" % statement.number)
        if statement.what == "rotated":
            self.spans.append(KeySpan(statement.successor, statement.size))
        else:
            span.last = statement.size if span.last is None else span.last
            span.stands = statement.stands
        self.statements.append(statement)


class Keyring:
    """The keys that trust in one of them leads to: backward over every rotation, but only for the trees before the
    successor's own, since it signs all of those itself (an old history can leave out that a key was retired or given
    up); and forward over each rotation that was made before the older key was in other hands."""

    def __init__(self, key, history):
        self.trusted, self.name, self.text, self.history = key, key.name, key.text, history
        at = next((at for at, span in enumerate(history.spans) if span.key.text == key.text), None)
        self.stranger, self.broken, self.spans = at is None and bool(history.spans), None, []
        if at is None:
            return
        rotations = [statement for statement in history.statements if statement.what == "rotated"]
        end = at
        while end < len(rotations):
            span = history.spans[end]
            if span.stands is not None and rotations[end].size > span.stands:
                self.broken = span, rotations[end]
                break
            end += 1
        self.spans = history.spans[:end + 1]
        for number, after in enumerate(history.spans[1:at + 1]):
            span = self.spans[number] = copy.copy(self.spans[number])
            span.last = after.first if span.last is None else min(span.last, after.first)

    def current(self):
        return self.spans[-1].key if self.spans else self.trusted

    def judge(self, checkpoint):
        """None if one of the keys signed the checkpoint in its time, or the kind of finding and the reason."""
        refused = None
        for known in [self.trusted] + [span.key for span in self.spans]:
            if checkpoint.note.names(known):  # a wrong signature by any of them is one too many
                problem = checkpoint.note.check(known)
                if problem:
                    return "checkpoint_untrusted", problem
        for span in reversed(self.spans):
            if not checkpoint.note.names(span.key):
                continue
            stands = span.stands is None or checkpoint.size <= span.stands
            in_time = span.first <= checkpoint.size and (span.last is None or checkpoint.size <= span.last)
            if stands and in_time:
                return None
            refused = ("key_out_of_range", "the key %s was to sign trees of size %d to %s, and this is of size %d"
                       % (span.key.id.hex(), span.first, "any" if span.last is None else span.last, checkpoint.size)) \
                if stands else ("key_compromised", "the key %s is compromised: its signatures stand up to size %d, and "
                                "this is of size %d" % (span.key.id.hex(), span.stands, checkpoint.size))
        return refused or self.trusted.judge(checkpoint)


def open_key_history(files, findings):
    """The history of keys in a pack; one that does not hold carries no trust. Of trees as large as the checkpoint's or
    larger it says nothing: who has an old key would have a new one vouch for it."""
    try:
        history = KeyHistory(files.read(KEY_HISTORY, HISTORY_BYTES_MAX) if KEY_HISTORY in files.paths() else b"")
    except (Malformed, FileProblem) as error:
        findings.add("key_history_invalid", None, "a history of the ledger's keys", error, KEY_HISTORY)
        return KeyHistory(b"")
    try:
        size = Checkpoint(files.read(CHECKPOINT, 1 << 20)).size
    except (Malformed, FileProblem):
        return history
    before = KeyHistory(b"")
    for statement in history.statements:
        if statement.size >= size:
            findings.add("key_history_invalid", None, "statements about trees of less than the checkpoint's %d entries"
                         % size, "one about %d entries" % statement.size, KEY_HISTORY)
            break
        before.take(statement)
    return before


class StatementCheck:
    """Holds the statements about keys against the entries that record them and the roots that they name."""

    def __init__(self, check):
        self.check, self.findings, self.keys = check, check.findings, check.key
        self.stated = {statement.size: statement for statement in self.keys.history.statements}
        self.unseen = set(self.stated)  # sizes of statements whose entries have not gone by

    def judge_trust(self):
        if self.keys.broken:
            span, rotation = self.keys.broken
            self.findings.add("key_compromised", None, "a rotation of the key %s at size %d or before"
                              % (span.key.id.hex(), span.stands), "one at size %d, which may be a thief's"
                              % rotation.size, KEY_HISTORY)
        if self.keys.stranger:
            self.findings.add("key_history_invalid", None, "a history of keys that names the trusted key %s"
                              % self.keys.text, "one of others", KEY_HISTORY)

    def follow(self, first, decoded):
        """Each statement is recorded by the entry at its size, and each entry that records one has its statement."""
        for index, entry in enumerate(decoded, first):
            if entry is None:
                continue
            stated = self.stated.get(index)
            self.unseen.discard(index)
            records = entry.source == "exhibit:keys" and entry.event_type in CHANGES.values()
            same = stated and records and (entry.event_type, entry.event_id) == (CHANGES[stated.what], stated.digest)
            if records and not same:
                self.findings.add("key_history_incomplete", index, "the statement that this entry records, %s"
                                  % entry.event_id, "none at this size in the history of keys", KEY_HISTORY)
            if stated and not same:
                self.findings.add("key_history_incomplete", index, "an entry that records statement %d"
                                  % stated.number, "another entry", KEY_HISTORY)

    def compare(self):
        """Whether each statement was made over this very tree."""
        unrooted = 0
        for at, stated in sorted(self.stated.items()):
            found = self.check.root_at(at) if at <= self.check.size_known() else None
            if found is None:
                unrooted += 1
            elif found != stated.root:
                self.findings.add("key_history_invalid", None, "root %s at size %d, in statement %d"
                                  % (found.hex(), at, stated.number), "root %s" % stated.root.hex(), KEY_HISTORY)
        if self.stated and not self.keys.stranger:
            self.check.checked.append("%d statements about the ledger's keys: signatures and order; the trusted key "
                                      "leads to %s" % (len(self.stated), self.keys.current().id.hex()))
        if unrooted or self.unseen:
            self.check.not_checked.append("%d statements about keys against the tree, and %d against their entries: "
                                          "those are not here" % (unrooted, len(self.unseen)))


# ---------------------------------------------------------------------------------------------------------------------
# 10  "Confirmed breaks": an entry of the ledger itself that says that a damage is known. Only what it names to the
#     letter is covered; what touches entries, their order, the tree or a signature never is.

LOST_PAYLOAD = "a payload that was lost"
BREAK_SOURCE, BREAK_TYPE, BREAK_PRODUCER = "exhibit:breaks", "ledger.break-confirmed.v1", "exhibit break confirm"
KNOWN_KINDS = ("payload_missing", "payload_altered", "clock_backwards", "duplicate_event", "sequence_gap")
CONFIRMED_MAX = 1_000_000  # findings that all confirmations together cover
NO_BREAKS = {"confirmed": 0, "missing_confirmed": 0, "listed": []}


def is_known(value):
    """Whether it is a finding that can be confirmed, as a verification says it."""
    if type(value) is not dict or list(value) != ["kind", "index", "expected", "found"]:
        return False
    kind, index, expected, found = value.values()
    if kind not in KNOWN_KINDS or type(expected) is not str or type(found) is not str:
        return False
    if kind == "sequence_gap":
        return index is None
    if not u64(index):
        return False
    if kind == "payload_missing":
        return is_digest(expected) and found == LOST_PAYLOAD
    return kind != "payload_altered" or is_digest(expected) and is_digest(found)


def read_break(content):
    """The body of a confirmation; None where it is not written in its one form."""
    try:
        body = read_json(content)
        if type(body) is not dict or list(body) != ["findings", "what", "why"]:
            return None
        if json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() != content:
            return None
    except (ValueError, RecursionError):
        return None
    findings, texts = body["findings"], (body["what"], body["why"])
    if type(findings) is not list or not 1 <= len(findings) <= 1000 or not all(map(is_known, findings)):
        return None
    return body if all(type(text) is str and text for text in texts) else None


class Breaks:
    """The confirmations of a pack, in order, and what of the findings they cover."""

    def __init__(self):
        self.confirmations, self.known, self.covered = [], set(), set()
        self.missing = 0

    def take(self, entry, parts):
        """Takes an entry whose payload is the one that it commits to."""
        if (entry.source, entry.event_type, entry.producer) != (BREAK_SOURCE, BREAK_TYPE, BREAK_PRODUCER):
            return
        body = None if parts[0].commitment is not None else read_break(parts[0].content)
        if body is None:
            return
        # Nobody confirms what is yet to happen.
        if any(known["index"] is not None and known["index"] >= entry.index for known in body["findings"]):
            return
        if len(self.known) + len(body["findings"]) > CONFIRMED_MAX:
            return
        by = None
        for part in parts[1:]:
            if part.commitment is None and part.name == "by" and by is None:
                try:
                    by = part.content.decode("utf-8")
                except UnicodeDecodeError:
                    pass
        self.known.update(tuple(known.values()) for known in body["findings"])
        self.confirmations.append((entry, body, by))

    def cover(self, findings):
        """Takes what is confirmed out of the findings."""
        left = []
        for finding in findings.kept:
            known = (finding.kind, finding.index, finding.expected, finding.found)
            if known in self.known:
                self.covered.add(known)
                findings.total -= 1
            else:
                left.append(finding)
        findings.kept = left

    def cover_gaps(self, sources):
        """How many of the numbers that never arrived are confirmed."""
        for source in sources:
            for first, last in source["gaps"]:
                expected = "numbers %d to %d of %s" % (first, last, source["source"])
                known = ("sequence_gap", None, expected, "none of them")
                if known in self.known and known not in self.covered:
                    self.covered.add(known)
                    self.missing += last - first + 1
        return self.missing

    def statement(self, here):
        listed = []
        for entry, body, by in self.confirmations:
            said = {"entry": entry.index, "confirmed_at": rfc3339(entry.recorded_at), "what": body["what"],
                    "why": body["why"], "by": by, "found": [], "no_longer_found": [], "not_looked_at": []}
            for known in body["findings"]:
                index, from_start = known["index"], here["start"] == 0
                whole = from_start or known["kind"] in ("payload_missing", "payload_altered")
                looked_at = from_start if index is None else whole and here["start"] <= index < here["end"]
                said["found" if tuple(known.values()) in self.covered else
                     "no_longer_found" if looked_at else "not_looked_at"].append(known)
            listed.append(said)
        return {"confirmed": len(self.covered), "missing_confirmed": min(self.missing, 2**64 - 1), "listed": listed}


# ---------------------------------------------------------------------------------------------------------------------
# 11  Receipts: "Receipt". An entry, and the proof that it stands in the ledger. And what was kept elsewhere.

def inclusion_holds(index, size, leaf, proof, root):
    if index >= size:
        return False
    first, second, found = index, size - 1, leaf
    for hash in proof:
        if second == 0:
            return False
        if first & 1 or first == second:
            while not first & 1 and first:  # a last node without a sibling moves up
                first, second = first >> 1, second >> 1
            found = node_hash(hash, found)
        else:
            found = node_hash(found, hash)
        first, second = first >> 1, second >> 1
    return second == 0 and found == root


class Receipt:
    def __init__(self, content):
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("it is not UTF-8")
        head, separator, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if not separator or lines[0] != "c2sp.org/tlog-proof@v1":
            raise Malformed("its first line is not `c2sp.org/tlog-proof@v1`, or no blank line follows")
        if len(lines) < 3 or not lines[1].startswith("extra ") or not lines[2].startswith("index "):
            raise Malformed("its `extra` line with the entry, or its `index` line, is missing")
        self.bytes = decode_base64(lines[1][6:], "the `extra` line")
        self.index = decode_decimal(lines[2][6:], "the index")
        self.proof = [decode_base64(line, "a line of the proof") for line in lines[3:]]
        if len(self.proof) > 64 or any(len(hash) != 32 for hash in self.proof):
            raise Malformed("a line of the proof has not 32 bytes, or there are over 64")
        self.checkpoint = Checkpoint(checkpoint.encode())

    def check(self, keys):
        """None if the entry is proven to stand in the ledger of these keys, or the kind of finding and the reason."""
        problem = self.checkpoint.check(keys)
        if problem:
            return problem
        try:
            entry = Entry(self.bytes)
        except Malformed as error:
            return "receipt_invalid", "the entry is malformed: %s" % error
        if entry.index != self.index:
            return "receipt_invalid", "the entry says it is number %d, not %d" % (entry.index, self.index)
        signed = self.checkpoint
        if not inclusion_holds(self.index, signed.size, leaf_hash(self.bytes), self.proof, signed.root):
            return "receipt_invalid", "the proof does not lead from the entry to the signed root"
        return None


def verify_receipt(content, key):
    findings, checked, not_checked, incomplete = Findings(), [], [], []
    receipt = None
    try:
        receipt = Receipt(content)
    except Malformed as error:
        findings.add("receipt_invalid", None, "a receipt", error)
        incomplete.append("there is no entry, so nothing was verified")
    problem = receipt and receipt.check(key)
    if problem:
        findings.add(problem[0], receipt.index, "a receipt by %s" % key.text, problem[1])
    elif receipt:
        checked += ["the checkpoint's signature, by the trusted key",
                    "that entry %d stands in the signed tree" % receipt.index]
        not_checked += ["the entry's payload: a receipt holds the commitment to it",
                        "whether the ledger still has the entry, and whether its key was retired or compromised since: "
                        "compare with a pack"]
    return report_of("receipt", key, findings, incomplete, checked, not_checked,
                     size=receipt and receipt.checkpoint.size, root=receipt and receipt.checkpoint.root.hex(),
                     range=receipt and {"start": receipt.index, "end": receipt.index + 1})


class Kept:
    """Checkpoints and receipts that were kept elsewhere: a rewritten or shortened history can't explain them."""

    def __init__(self, check, checkpoints, receipts):
        self.check, self.leaves = check, {}
        checkpoints = [open_kept(Checkpoint, path, check.key) for path in checkpoints]
        receipts = [open_kept(Receipt, path, check.key) for path in receipts]
        self.roots = [("a kept checkpoint", kept.size, kept.root) for kept in checkpoints]
        self.roots += [("a kept receipt", kept.checkpoint.size, kept.checkpoint.root) for kept in receipts]
        self.kept_leaves = [(receipt.index, leaf_hash(receipt.bytes)) for receipt in receipts]

    def follow(self, first, leaves):
        for index, _ in self.kept_leaves:
            if first <= index < first + len(leaves):
                self.leaves[index] = leaves[index - first]

    def compare(self):
        check, size = self.check, self.check.size_known()
        for what, kept, root in self.roots:
            if kept > size:
                check.findings.add("rolled_back", size, "the %d entries of %s" % (kept, what), "%d entries" % size)
                continue
            found = check.root_at(kept)
            if found is None:
                check.incomplete.append("whether this continues %s of size %d: the entries or tiles for it are not here"
                                        % (what, kept))
            elif found != root:
                check.findings.add("forked", None, "root %s at size %d, of %s" % (root.hex(), kept, what),
                                   "root %s" % found.hex())
            elif what == "a kept checkpoint":
                check.more["trusted_checkpoints"] += 1
        for index, leaf in self.kept_leaves:
            found = self.leaves.get(index)
            if found == leaf:
                check.more["receipts"] += 1
            elif found is not None:
                check.findings.add("forked", index, "leaf %s of a kept receipt" % leaf.hex(), "leaf %s" % found.hex())
            elif index < size:
                check.incomplete.append("the entry of the receipt for index %d: it is not among the entries here"
                                        % index)


# ---------------------------------------------------------------------------------------------------------------------
# 12  The files of a pack: "The zip" and "Limits for readers". Nothing outside the pack is ever opened.

CARRIED = ("index.html", "verify.py")
STEP = 1 << 20


def is_timestamp(path):
    return re.fullmatch(r"timestamps/(0|[1-9][0-9]*)/(checkpoint|consistency|[1-9][0-9]*\.tsr)", path,
                        re.ASCII) is not None


def is_strict(path):
    """Whether a name that only the manifest knows is the same name on every system."""
    return re.fullmatch(r"([A-Za-z0-9_.-]*[A-Za-z0-9_-]/)*[A-Za-z0-9_.-]*[A-Za-z0-9_-]", path, re.ASCII) is not None


def fold(path):
    return path.encode("utf-8", "surrogateescape").lower()


class FileProblem(Exception):
    """A file that can't be had: `damaged` is the container's fault; otherwise it is missing or too long."""

    def __init__(self, why, damaged=False):
        super().__init__(why)
        self.damaged = damaged


class Folder:
    """An unpacked pack. Links and special files are listed, and never opened."""

    def __init__(self, root):
        self.root, self.files, self.damage = root, {}, []
        self.walk(root, "", 0)

    def walk(self, directory, prefix, depth):
        with os.scandir(directory) as found:
            for item in found:
                path = prefix + item.name
                if item.is_dir(follow_symlinks=False) and depth < 12:
                    self.walk(item.path, path + "/", depth + 1)
                else:
                    plain = item.is_file(follow_symlinks=False)
                    self.files[path] = item.stat(follow_symlinks=False).st_size if plain else None

    def paths(self):
        return self.files.keys()

    def open(self, path):
        if path not in self.files:
            raise FileProblem("it is not there")
        if self.files[path] is None:
            raise FileProblem("it is not a plain file", damaged=True)
        return open(os.path.join(self.root, *path.split("/")), "rb")

    def read(self, path, limit):
        with self.open(path) as file:
            content = file.read(limit + 1)
        if len(content) > limit:
            raise FileProblem("it has %d bytes, over the limit of %d" % (self.files[path], limit))
        return content

    def stream(self, path):
        """The file's content, piece by piece."""
        file = self.open(path)

        def pieces():
            with file:
                yield from iter(lambda: file.read(STEP), b"")
        return pieces()

    def digest_before(self, path):
        return None


class Member:
    """One file in a zip, with the two headers that it must have."""

    def __init__(self, path, method, crc, packed, length, offset):
        self.path, self.method, self.crc = path, method, crc
        self.packed, self.length, self.offset = packed, length, offset
        large = packed >= 0xFFFFFFFF or length >= 0xFFFFFFFF
        sizes = [length, packed] if large else []
        self.local = self.header(b"PK\3\4", sizes, large, b"")
        wide = sizes + ([offset] if offset >= 0xFFFFFFFF else [])
        # No comment, first disk, no internal attributes; a plain file; where the local header begins.
        more = struct.pack("<6xII", 0x81A40000, min(offset, 0xFFFFFFFF))
        self.central = self.header(b"PK\1\2" + struct.pack("<H", 0x032D), wide, large, more)
        self.content_offset = offset + len(self.local)
        self.end = self.content_offset + packed

    def header(self, start, wide, large, more):
        extra = struct.pack("<HH%dQ" % len(wide), 1, 8 * len(wide), *wide) if wide else b""
        sizes = (0xFFFFFFFF, 0xFFFFFFFF) if large else (self.packed, self.length)
        fields = struct.pack("<HHHHHIIIHH", 45 if wide else 20, 0, self.method, 0, 0x21, self.crc, *sizes,
                             len(self.path), len(extra))
        return start + fields + more + self.path + extra


def end_records(members, offset, size):
    """What must stand behind the central directory."""
    end = b""
    if members >= 0xFFFF or offset >= 0xFFFFFFFF or size >= 0xFFFFFFFF:
        end += b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 0x032D, 45, 0, 0, members, members, size, offset)
        end += b"PK\6\7" + struct.pack("<IQI", 0, offset + size, 1)
    number = min(members, 0xFFFF)
    return end + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, number, number, min(size, 0xFFFFFFFF),
                                         min(offset, 0xFFFFFFFF), 0)


class Zip:
    """A zipped pack, read strictly: every header is made again and compared. What differs is damage."""

    def __init__(self, path):
        self.file, self.members, self.damage = open(path, "rb"), {}, []
        self.size = self.file.seek(0, 2)
        if self.at(0, 4) != b"PK\3\4" and self.at(self.size - 22, 4) != b"PK\5\6":
            raise Unreadable("%s is not an audit pack" % path)
        end = self.read_end()
        if end:
            self.read_directory(*end)

    def damaged(self, place, found):
        if len(self.damage) < 100:
            self.damage.append((place, found))

    def at(self, offset, length):
        """These bytes, or those of them that there are; headers may speak of places far beyond the end."""
        self.file.seek(min(max(offset, 0), self.size))
        return self.file.read(length)

    def read_end(self):
        """The number of members, and where the central directory is."""
        tail = self.at(self.size - 98, 98)
        if len(tail) < 22 or tail[-22:-18] != b"PK\5\6":
            return self.damaged("end of the zip", "it has no end record; it was cut short or damaged")
        members, size, offset = struct.unpack_from("<HII", tail, len(tail) - 12)
        if len(tail) == 98 and tail[:4] == b"PK\6\6":
            members, size, offset = struct.unpack_from("<QQQ", tail, 32)
        fits = offset + size <= self.size
        records = end_records(members, offset, size) if fits else b""
        if not fits or offset + size + len(records) != self.size or not tail.endswith(records):
            self.damaged("end of the zip", "its end record is not that of a pack as it was written")
        return (members, offset, size) if fits and size <= 2 << 30 else None

    def read_directory(self, members, offset, size):
        directory, at, due = self.at(offset, size), 0, 0
        for number in range(members):
            member, end = self.read_central(directory, at)
            if member is None:
                return self.damaged("directory of the zip", "it ends within its member number %d" % number)
            path = member.path.decode("utf-8", "replace")
            if directory[at:end] != member.central or self.at(member.offset, len(member.local)) != member.local:
                self.damaged(path, "its header is not that of a pack as it was written")
            if path == MANIFEST and member.method != 0:
                self.damaged(path, "it is deflated, and no digest is of its bytes: a manifest is stored")
            if member.offset != due:
                self.damaged(path, "it stands at byte %d, not %d" % (member.offset, due))
            if path in self.members:
                self.damaged(path, "it is there twice")
            self.members[path] = member
            at, due = end, member.end
        if due != offset or at != size:
            self.damaged("directory of the zip", "there are bytes that no member accounts for")

    @staticmethod
    def read_central(directory, at):
        if directory[at:at + 4] != b"PK\1\2" or at + 46 > len(directory):
            return None, at
        (method, crc, packed, length, name, extra, comment,
         offset) = struct.unpack_from("<10xH4xIIIHHH8xI", directory, at)
        end = at + 46 + name + extra + comment
        if end > len(directory) or method not in (0, 8):
            return None, at
        path = directory[at + 46:at + 46 + name]
        wide = directory[at + 50 + name:at + 46 + name + extra]
        numbers = []  # those that are all ones stand in the extra field, in this order
        for number in (length, packed, offset):
            if number == 0xFFFFFFFF:
                number, wide = int.from_bytes(wide[:8].ljust(8, b"\0"), "little"), wide[8:]
            numbers.append(number)
        return Member(path, method, crc, numbers[1], numbers[0], numbers[2]), end

    def paths(self):
        return self.members.keys()

    def read(self, path, limit):
        # Deflate makes nothing longer by more than this, so what is longer was not made by it.
        packed_limit = limit + limit // 100 + 1024
        if path in self.members:
            member = self.members[path]
            for length, most in ((member.length, limit), (member.packed, packed_limit)):
                if length > most:
                    raise FileProblem("it has %d bytes, over the limit of %d" % (length, most))
        return b"".join(self.stream(path))

    def stream(self, path):
        """The file's content, piece by piece; length and checksum are checked at its end."""
        if path not in self.members:
            raise FileProblem("it is not there")
        member = self.members[path]
        return self.checked(member, self.inflated(member) if member.method else self.packed(member))

    def packed(self, member):
        at, left = member.content_offset, member.packed
        while left:
            piece = self.at(at, min(left, STEP))
            if not piece:
                raise FileProblem("it goes beyond the end of the zip", damaged=True)
            at, left = at + len(piece), left - len(piece)
            yield piece

    def inflated(self, member):
        """Inflates piece by piece. A piece may be empty; the end is where every packed byte has been taken."""
        inflater = zlib.decompressobj(-15)
        try:
            for piece in self.packed(member):
                while piece:
                    if inflater.eof:
                        raise FileProblem("bytes follow behind what inflates", damaged=True)
                    yield inflater.decompress(piece, STEP)
                    piece = inflater.unconsumed_tail or inflater.unused_data
            yield inflater.flush()
        except zlib.error:
            raise FileProblem("it does not inflate", damaged=True)
        if not inflater.eof:
            raise FileProblem("it does not inflate", damaged=True)

    @staticmethod
    def checked(member, pieces):
        crc, length = 0, 0
        for piece in pieces:
            crc, length = zlib.crc32(piece, crc), length + len(piece)
            if length > member.length:
                break
            yield piece
        if length != member.length or crc != member.crc:
            raise FileProblem("its length or checksum is not the one in the zip's directory", damaged=True)

    def digest_before(self, path):
        """BLAKE3 of the zip's bytes before this member."""
        hasher, at, end = blake3_stream(), 0, self.members[path].offset
        while at < end:
            piece = self.at(at, min(end - at, STEP))
            if not piece:
                break
            hasher.update(piece)
            at += len(piece)
        return hasher.digest().hex()


# ---------------------------------------------------------------------------------------------------------------------
# 13  BLAKE3 (https://github.com/BLAKE3-team/BLAKE3-specs), 32 bytes of output, plain and in derive_key mode.
#
# A message is cut into chunks of 1,024 bytes and each chunk into blocks of 64. `compress` mixes one block into the
# chaining value of its chunk. The chunks' values are the leaves of a binary tree, and its root is the hash.
#
# Python is slow at single numbers and fast at huge ones. So `compress` works on many chunks at once: each of its words
# is one huge number with a "lane" of 64 bits for each chunk, of which a 32-bit word takes the lower half. The upper
# half takes what a sum or a shift carries, and the mask clears it. With one lane this is the textbook's algorithm.

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
CHUNK_START, CHUNK_END, PARENT, ROOT, DERIVE_KEY_CONTEXT, DERIVE_KEY_MATERIAL = 1, 2, 4, 8, 32, 64
CHUNK_BYTES, BLOCK_BYTES = 1024, 64
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
COLUMNS_AND_DIAGONALS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                         (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def message_orders():
    """Which message words each of the seven rounds takes."""
    orders = [tuple(range(16))]
    for _ in range(6):
        orders.append(tuple(orders[-1][at] for at in PERMUTATION))
    return orders


ORDERS = message_orders()


@functools.lru_cache(maxsize=None)
def ones(lanes):
    """The number with a 1 in each lane."""
    return int.from_bytes(b"\1\0\0\0\0\0\0\0" * lanes, "little")


def to_lanes(numbers):
    return int.from_bytes(struct.pack("<%dQ" % len(numbers), *numbers), "little")


def from_lanes(number, lanes):
    return struct.unpack("<%dQ" % lanes, number.to_bytes(8 * lanes, "little"))


def compress(lanes, value, words, counters, lengths, flags):
    """Mixes a block into a chaining value, in every lane."""
    one, mask = ones(lanes), ones(lanes) * 0xFFFFFFFF
    v = list(value) + [one * word for word in IV[:4]]
    v += [to_lanes([c & 0xFFFFFFFF for c in counters]), to_lanes([c >> 32 for c in counters]),
          to_lanes(lengths), to_lanes(flags)]
    for order in ORDERS:
        for (i, j, k, l), x, y in zip(COLUMNS_AND_DIAGONALS, order[0::2], order[1::2]):
            a, b, c, d = v[i], v[j], v[k], v[l]
            a = (a + b + words[x]) & mask
            d ^= a
            d = (d >> 16 | d << 16) & mask
            c = (c + d) & mask
            b ^= c
            b = (b >> 12 | b << 20) & mask
            a = (a + b + words[y]) & mask
            d ^= a
            d = (d >> 8 | d << 24) & mask
            c = (c + d) & mask
            b ^= c
            b = (b >> 7 | b << 25) & mask
            v[i], v[j], v[k], v[l] = a, b, c, d
    return [v[at] ^ v[at + 8] for at in range(8)]


def chunk_values(key, flags, chunks):
    """The chaining values of chunks, each given as (content, counter, flags of its last block)."""
    # The longest first, so that the lanes still at work are always the lowest ones.
    order = sorted(range(len(chunks)), key=lambda at: -len(chunks[at][0]))
    chunks = [chunks[at] for at in order]
    values, block, lanes = [None] * len(chunks), 0, len(chunks)
    value = [ones(lanes) * word for word in key]
    while lanes:
        blocks = [content[block * 64:block * 64 + 64] for content, _, _ in chunks[:lanes]]
        last = [len(content) <= block * 64 + 64 for content, _, _ in chunks[:lanes]]
        words = struct.unpack("<%dI" % (16 * lanes), b"".join(b.ljust(64, b"\0") for b in blocks))
        value = compress(
            lanes, value, [to_lanes(words[at::16]) for at in range(16)],
            [counter for _, counter, _ in chunks[:lanes]], [len(b) for b in blocks],
            [flags | (CHUNK_START if block == 0 else 0) | (end if done else 0)
             for (_, _, end), done in zip(chunks, last)])
        still = last.index(True) if True in last else lanes
        if still < lanes:
            finished = list(zip(*(from_lanes(word, lanes) for word in value)))
            for at in range(still, lanes):
                values[order[at]] = finished[at]
            value = [word & ((1 << 64 * still) - 1) for word in value]
        block, lanes = block + 1, still
    return values


def join_trees(key, flags, trees, at_root):
    """Joins the values of each tree, two and two, until one is left; an odd one moves up as it is."""
    while any(len(tree) > 1 for tree in trees):
        pairs = [(tree[at] + tree[at + 1], flags | PARENT | (ROOT if at_root and len(tree) == 2 else 0))
                 for tree in trees for at in range(0, len(tree) - 1, 2)]
        lanes = len(pairs)
        parents = compress(lanes, [ones(lanes) * word for word in key],
                           [to_lanes([words[at] for words, _ in pairs]) for at in range(16)],
                           [0] * lanes, [BLOCK_BYTES] * lanes, [flag for _, flag in pairs])
        parents = iter(zip(*(from_lanes(word, lanes) for word in parents)))
        trees = [[next(parents) for _ in range(len(tree) // 2)] + (tree[-1:] if len(tree) % 2 else [])
                 for tree in trees]
    return [tree[0] for tree in trees]


def chunks_of(content, first, end_of_one):
    """Cuts a message into chunks; `end_of_one` are the flags of the last block where there is but one chunk."""
    if len(content) <= CHUNK_BYTES:
        return [(content, first, end_of_one)]
    return [(content[at:at + CHUNK_BYTES], first + at // CHUNK_BYTES, CHUNK_END)
            for at in range(0, len(content), CHUNK_BYTES)]


def own_blake3(messages, key=IV, flags=0):
    """The hash of each message."""
    cut = [chunks_of(message, 0, CHUNK_END | ROOT) for message in messages]
    values = iter(chunk_values(key, flags, [chunk for chunks in cut for chunk in chunks]))
    roots = join_trees(key, flags, [[next(values) for _ in chunks] for chunks in cut], True)
    return [struct.pack("<8I", *root) for root in roots]


@functools.lru_cache(maxsize=None)
def context_key(context):
    return struct.unpack("<8I", own_blake3([context.encode()], IV, DERIVE_KEY_CONTEXT)[0])


def own_derive_key(context, messages):
    return own_blake3(messages, context_key(context), DERIVE_KEY_MATERIAL)


def derive_key(context, messages):
    """BLAKE3 derive_key of each message under one context."""
    if not messages:
        return []
    if blake3_package:
        return [blake3_package.blake3(message, derive_key_context=context).digest() for message in messages]
    return own_derive_key(context, messages)


class OwnBlake3Stream:
    """Plain BLAKE3 of something that does not fit memory."""

    BATCH = 1024 * CHUNK_BYTES  # a power of two of chunks, so each batch is a subtree

    def __init__(self):
        self.pending, self.batches, self.chunks = bytearray(), [], 0

    def update(self, content):
        self.pending += content
        while len(self.pending) > self.BATCH:  # the last batch waits: only the root knows that it is the root
            self.take(bytes(self.pending[:self.BATCH]))
            del self.pending[:self.BATCH]

    def take(self, content):
        chunks = chunks_of(content, self.chunks, CHUNK_END)
        self.chunks += len(chunks)
        self.batches += join_trees(IV, 0, [chunk_values(IV, 0, chunks)], False)

    def digest(self):
        if not self.batches:
            return own_blake3([bytes(self.pending)])[0]
        self.take(bytes(self.pending))
        self.pending.clear()
        return struct.pack("<8I", *join_trees(IV, 0, [self.batches], True)[0])


def blake3_hex(content):
    hasher = blake3_stream()
    hasher.update(content)
    return hasher.digest().hex()


def blake3_stream():
    return blake3_package.blake3() if blake3_package else OwnBlake3Stream()


# ---------------------------------------------------------------------------------------------------------------------
# 14  Ed25519 (RFC 8032), verified strictly: S below the group order, points in their one encoding, none of small order.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
IDENTITY = (0, 1, 1, 0)


def point_add(a, b):
    """Adds points in extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, xy = T/Z."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def point_times(number, point):
    result = IDENTITY
    while number:
        if number & 1:
            result = point_add(result, point)
        point, number = point_add(point, point), number >> 1
    return result


def point_encode(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def point_decode(encoded):
    """The point of this encoding; None unless there is one, this is its one encoding, and its order is not small."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    point = (x, y, 1, x * y % P)
    x, y, z, _ = point_times(8, point)
    return None if x == 0 and y == z else point


BASE = point_decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def own_ed25519(public, signature, message):
    """Whether this key made this signature of the message."""
    if len(public) != 32 or len(signature) != 64:
        return False
    point, s = point_decode(public), int.from_bytes(signature[32:], "little")
    if point is None or point_decode(signature[:32]) is None or s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    negative = (P - point[0], point[1], 1, P - point[3])
    return point_encode(point_add(point_times(s, BASE), point_times(k, negative))) == signature[:32]


try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None


def other_ed25519(public, signature, message):
    """A second opinion, where one is installed."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


def ed25519(public, signature, message):
    own = own_ed25519(public, signature, message)
    return own and (Ed25519PublicKey is None or other_ed25519(public, signature, message))


# ---------------------------------------------------------------------------------------------------------------------
# 15  Report and command line.

def report_of(subject, key, findings, incomplete, checked, not_checked, breaks=NO_BREAKS, **more):
    verdict = ("altered" if findings.total else "incomplete" if incomplete else
               "verified_with_confirmed_breaks" if breaks["confirmed"] else "verified")
    listed = sorted(findings.kept, key=lambda f: (f.index is not None, f.index or 0))[:FINDINGS_SHOWN_MAX]
    report = {
        "format": "exhibit-verify-py/1", "subject": subject, "verdict": verdict,
        "exit_code": {"altered": 1, "incomplete": 4}.get(verdict, 0), "origin": key.name, "key": key.text,
        "findings": {"total": findings.total,
                     "listed": [{"kind": f.kind, "index": f.index, "place": f.place, "expected": f.expected,
                                 "found": f.found} for f in listed]},
        "breaks": breaks, "incomplete": incomplete, "checked": checked, "not_checked": not_checked,
        "by": {"program": "verify.py of exhibit %s, Python %s" % (VERSION, sys.version.split()[0]),
               "blake3": "the package blake3" if blake3_package else "its own code",
               "ed25519": "its own code" + (" and cryptography" if Ed25519PublicKey else "")}}
    report.update(more)
    return report


def safe(text):
    """Text from a stranger, for a terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def print_report(report):
    words = {"verified": "VERIFIED", "verified_with_confirmed_breaks": "VERIFIED, WITH CONFIRMED BREAKS",
             "altered": "DOES NOT VERIFY", "incomplete": "INCOMPLETE"}
    meaning = {"verified": "every check that was made passed",
               "verified_with_confirmed_breaks":
                   "%s wrong, and the ledger itself admits it: see the confirmed breaks; every other check "
                   "that was made passed" % counted(report["breaks"]["confirmed"], "thing is", "things are"),
               "altered": "%s wrong: see below" % counted(report["findings"]["total"], "thing is", "things are"),
               "incomplete": "what was checked verifies, but it is not everything: " + "; ".join(report["incomplete"])}
    print("%s  %s %s of %s" % (words[report["verdict"]], "audit pack" if report["subject"] == "pack" else "receipt",
                               safe(report["path"]), safe(report["origin"])))
    print(safe(meaning[report["verdict"]]) + "\n")
    here = report["range"]
    if here and report["size"] is not None:
        print("entries    %d..%d of %d" % (here["start"], here["end"], report["size"]))
    for name, value in (("tree size", report["size"]), ("root", report["root"]), ("key", report["key"]),
                        ("program", report["by"]["program"]), ("BLAKE3", report["by"]["blake3"]),
                        ("Ed25519", report["by"]["ed25519"])):
        if value is not None:
            print("%-9s  %s" % (name, safe(str(value))))
    breaks = []
    for one in report["breaks"]["listed"]:
        by = one["by"] or "somebody who is not named here"
        breaks += ["entry %d, recorded %s, confirmed by %s: %s" % (one["entry"], one["confirmed_at"], by, one["what"]),
                   "entry %d, why: %s" % (one["entry"], one["why"])]
        for state in ("found", "no_longer_found", "not_looked_at"):
            breaks += ["entry %d, %s: %s%s: expected %s, found %s" % (
                one["entry"], state.replace("_", " "), known["kind"],
                "" if known["index"] is None else " at entry %d" % known["index"], known["expected"], known["found"])
                for known in one[state]]
    for title, lines in (("Confirmed breaks", breaks), ("Checked", report["checked"]),
                         ("Not checked", report["not_checked"])):
        if lines:
            print("\n" + title)
        for line in lines:
            print("  - " + safe(line))
    if report["findings"]["total"]:
        print("\nFindings")
    for finding in report["findings"]["listed"][:20]:
        at = "" if finding["index"] is None else " at entry %d" % finding["index"]
        place = " in %s" % finding["place"] if finding["place"] else ""
        print("  " + safe(finding["kind"] + at + place))
        for name, value in (("expected", finding["expected"]),
                            ("found", finding["found"])):
            print("    %-8s  %s" % (name, safe(value)))
    if report["findings"]["total"] > 20:
        print("  and %d more; --json lists them" % (report["findings"]["total"] - 20))


class Progress:
    """Says on stderr how far it is, every few seconds."""

    def __init__(self):
        self.last = time.monotonic()

    def __call__(self, done, total):
        if time.monotonic() - self.last > 3:
            self.last = time.monotonic()
            print("verify.py: %d of %d entries" % (done, total), file=sys.stderr)


def read_file(path):
    try:
        with open(path, "rb") as file:
            return file.read(1 << 24)
    except OSError as error:
        raise Unreadable("%s can't be read: %s" % (path, error.strerror or error))


def open_pack(path):
    if os.path.isdir(path):
        if os.path.isdir(os.path.join(path, "journal")):
            raise Unreadable("%s is a ledger's data directory: export a pack, and verify that" % path)
        if not any(os.path.exists(os.path.join(path, name)) for name in (CHECKPOINT, MANIFEST)):
            raise Unreadable("%s is not an audit pack: it has neither checkpoint nor manifest.json" % path)
        return Folder(path)
    return Zip(path)


def open_key(text):
    return VerifierKey((read_file(text[1:]).decode("utf-8", "replace") if text.startswith("@") else text).strip())


def open_kept(form, path, key):
    """A checkpoint or receipt that was kept; one that the key does not vouch for is of no use."""
    try:
        kept = form(read_file(path))
        problem = kept.check(key)
    except Malformed as error:
        problem = None, error
    if not problem:
        return kept
    raise Unreadable("%s can't be used to compare with: %s; leave it out, or see what a receipt says by itself: "
                     "verify.py RECEIPT VKEY" % (path, problem[1]))


def parse_arguments(arguments):
    parser = argparse.ArgumentParser("verify.py", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", metavar="PACK")
    parser.add_argument("key", metavar="VKEY")
    parser.add_argument("--receipt", metavar="FILE", action="append", default=[])
    parser.add_argument("--checkpoint", metavar="FILE", action="append", default=[])
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def verify(asked):
    """The report on a pack or receipt."""
    path, key = asked.pack, open_key(asked.key)
    if os.path.isfile(path) and read_file(path)[:19] == b"c2sp.org/tlog-proof":
        report = verify_receipt(read_file(path), key)
    else:
        verification = PackVerification(open_pack(path), key, asked, Progress())
        verification.run()
        report = verification.report()
    report["path"] = path
    if asked.strict and report["verdict"] == "verified_with_confirmed_breaks":
        report["exit_code"] = 1
    return report


def main(arguments):
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")
    asked = parse_arguments(arguments)
    try:
        if asked.pack == "vkey":
            print(safe(open_pack(asked.key).read(LOG_VKEY, 1 << 20).decode("utf-8", "replace").strip()))
            return 0
        report = verify(asked)
    except Malformed as error:
        print("verify.py: the key can't be used: %s" % safe(str(error)), file=sys.stderr)
        return 2
    except (Unreadable, FileProblem, OSError) as error:
        print("verify.py: nothing could be checked: %s" % safe(str(error)), file=sys.stderr)
        return 3
    try:
        if asked.json:
            print(json.dumps(report, indent=2))
        else:
            print_report(report)
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads on: the exit code still says it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return report["exit_code"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
