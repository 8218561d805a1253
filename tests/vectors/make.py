"""Makes the vectors in this directory, but for ledger-v1.json and journal-v1, which are older and fixed.

    python3 tests/vectors/make.py

Everything is made from the specification with the functions of verify.py, and a signer and a pack writer of its own, so
neither a vector nor a verdict comes from the Rust code: its tests read these files and must agree. Run again, it makes
the same JSON; the zips hold the same files, deflated as the local zlib does it.
"""
import base64
import copy
import hashlib
import json
import os
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "python"))
sys.dont_write_bytecode = True

from cases import load  # noqa: E402

v = load(os.path.join(HERE, "..", "..", "src", "pack", "carried", "verify.py"))

ORIGIN = "ledger.example.com/vectors"
SEED = bytes(range(32))
NOW = 1_790_000_000_000_000_000
B64 = lambda content: base64.b64encode(content).decode()  # noqa: E731


# Signing -------------------------------------------------------------------------------------------------------------

def secret(seed):
    digest = hashlib.sha512(seed).digest()
    number = int.from_bytes(digest[:32], "little") & (2**254 - 8) | 2**254
    return number, digest[32:]


def public(seed):
    return v.point_encode(v.point_times(secret(seed)[0], v.BASE))


def sign(seed, message):
    number, prefix = secret(seed)
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % v.ORDER
    point = v.point_encode(v.point_times(r, v.BASE))
    k = int.from_bytes(hashlib.sha512(point + public(seed) + message).digest(), "little") % v.ORDER
    return point + ((r + k * number) % v.ORDER).to_bytes(32, "little")


def key_id(name, typed):
    return hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]


def vkey_of(name, typed):
    return "%s+%s+%s" % (name, key_id(name, typed).hex(), B64(typed))


def vkey(name=ORIGIN, seed=SEED):
    return vkey_of(name, b"\x01" + public(seed))


def signature_line(name, seed, text, signature=None):
    signature = sign(seed, text.encode()) if signature is None else signature
    return "\u2014 %s %s\n" % (name, B64(key_id(name, b"\x01" + public(seed)) + signature))


def note(text, name=ORIGIN, seed=SEED):
    return text + "\n" + signature_line(name, seed, text)


def checkpoint(size, root, origin=ORIGIN, name=None, seed=SEED):
    return note("%s\n%d\n%s\n" % (origin, size, B64(root)), name or origin, seed)


# Ledgers and packs ---------------------------------------------------------------------------------------------------

def encode_entry(fields):
    head = v.Entry.HEAD.pack(1, fields["index"], fields["recorded_at"], fields["occurred_at"],
                             fields["source_sequence"], fields["previous"], fields["commitment"])
    return head + b"".join(v.put_text(fields[name]) for name, _, _ in v.Entry.TEXTS)


def encode_payload(parts):
    """Parts as (name, content type, content) with the salt in front, or a commitment alone."""
    out = len(parts).to_bytes(8, "little")
    for part in parts:
        if isinstance(part, bytes):
            out += (0).to_bytes(4, "little") + part
        else:
            salt, name, content_type, content = part
            out += (1).to_bytes(4, "little") + salt + v.put_text(name) + v.put_text(content_type)
            out += len(content).to_bytes(8, "little") + content
    return out


def commitment_of(payload):
    return v.payload_commitments([v.read_payload(payload, 0)[0]])[0]


def withhold(payload, name):
    parts = []
    for part in v.read_payload(payload, 0)[0]:
        if part.commitment is not None:
            parts.append(part.commitment)
        elif part.name == name:
            parts.append(v.derive_key(v.PART, [part.hashed()])[0])
        else:
            parts.append((part.salt, part.name, part.content_type, part.content))
    return encode_payload(parts)


def event(number, parts=None, **fields):
    parts = parts or [("body", "application/json", b'{"n":%d}' % number)]
    return dict({
        "index": number, "recorded_at": NOW + number, "occurred_at": NOW - 5 if number % 2 else 0,
        "source_sequence": number + 1, "event_type": "exhibit.deployment.v1", "source": "https://ci.example.com/a",
        "event_id": "run-%d" % number, "subject": "service/payments@production", "producer": "token:ci",
        "parts": [(bytes([number % 256]) * 32,) + part for part in parts]}, **fields)


class Ledger:
    """Entries and payloads one by one; `events` are dicts as `event` makes them."""

    def __init__(self, events, origin=ORIGIN):
        self.entries, self.payloads = [], []
        chain = v.derive_key(v.GENESIS, [origin.encode()])[0]
        for fields in events:
            payload = encode_payload(fields["parts"])
            fields = dict({"previous": chain, "commitment": commitment_of(payload)}, **fields)
            self.entries.append(encode_entry(fields))
            self.payloads.append(payload)
            chain = v.derive_key(v.CHAIN, self.entries[-1:])[0]

    def leaves(self):
        return [v.leaf_hash(entry) for entry in self.entries]

    def root(self, size=None):
        frontier = v.Frontier()
        for leaf in self.leaves()[:size]:
            frontier.push(leaf)
        return frontier.root()

    def checkpoint(self, size=None):
        return checkpoint(len(self.entries) if size is None else size, self.root(size))


def tiles_of(leaves, bundles):
    """The tiles that a pack of these bundles has: level 0 under them, those above, and the right edge."""
    tiles, hashes, (first, end) = {}, leaves, bundles
    for level in range(8):
        for number in range(-(-len(hashes) // 256)):
            span = v.span_of(number, len(hashes))
            over = first < end and first >> 8 * level <= number <= end - 1 >> 8 * level
            if over or span[1] < 256:
                tiles[v.tile_path(level, span)] = b"".join(hashes[256 * number:256 * number + span[1]])
        hashes = [v.perfect_root(hashes[at:at + 256]) for at in range(0, len(hashes) - len(hashes) % 256, 256)]
    return tiles


def digest(content):
    return {"bytes": len(content), "blake3": v.own_blake3([content])[0].hex()}


def pack_files(ledger, start=0, end=None, signed=None, more=None, manifest=None):
    """The files of a pack, in their order, the manifest last and without the zip's digest."""
    size = len(ledger.entries)
    end = size if end is None else end
    bundles = start // 256, -(-end // 256)
    here = range(256 * bundles[0], min(256 * bundles[1], size))
    signed = ledger.checkpoint() if signed is None else signed
    files = {v.CHECKPOINT: signed.encode(), v.LOG_VKEY: vkey().encode() + b"\n"}
    jsonl, csv, sources, times = [], [v.CSV_HEADER], v.Sources(), []
    counts = dict.fromkeys(v.MANIFEST_FORM["counts"], 0)
    for number in range(*bundles):
        span = v.span_of(number, size)
        indexes = range(256 * number, 256 * number + span[1])
        files["tile/entries/" + v.span_path(span)] = b"".join(
            len(ledger.entries[at]).to_bytes(2, "big") + ledger.entries[at] for at in indexes)
        files["payload/" + v.span_path(span)] = b"".join(ledger.payloads[at] for at in indexes)
        for at in indexes:
            entry, parts = v.Entry(ledger.entries[at]), v.read_payload(ledger.payloads[at], 0)[0]
            leaf = v.leaf_hash(ledger.entries[at])
            jsonl.append(v.jsonl_line(entry, leaf, parts))
            csv.append(v.csv_row(entry, parts))
            sources.take(entry)
            times.append(entry.recorded_at)
            withheld = sum(part.commitment is not None for part in parts)
            counts["entries"] += 1
            counts["payloads_partial" if withheld else "payloads_whole"] += 1
            counts["parts_withheld"] += withheld
            counts["parts_disclosed"] += len(parts) - withheld
    tiles = tiles_of(ledger.leaves(), bundles)
    counts["tiles"] = len(tiles)
    files.update(tiles)
    files.update({v.JSONL: b"".join(jsonl), v.CSV: b"".join(csv), v.README: b"A vector.\n"})
    files.update(more or {})
    lines = signed.split("\n")
    said = {
        "format": "exhibit-pack/1", "tool": "vectors 1", "origin": ORIGIN, "key": vkey(),
        "tree_size": int(lines[1]), "root": base64.b64decode(lines[2]).hex(), "checkpoint": signed,
        "requested": {"start": start, "end": end}, "range": {"start": here.start, "end": here.stop},
        "recorded": {"first": v.rfc3339(times[0]), "last": v.rfc3339(times[-1])} if times else None,
        "filter": None, "withhold_parts": [], "counts": counts, "sources": sources.statement(bundles[0] == 0),
        "files": {path: None for path in sorted(files) if not path.startswith(("tile/", "payload/"))},
        "container": "0" * 64}
    said.update(manifest or {})
    files[v.MANIFEST] = said
    return files


def finish_manifest(files):
    """The files with a manifest that knows them all."""
    said = copy.deepcopy(files[v.MANIFEST])
    if isinstance(said, dict):
        for path in said["files"]:
            said["files"][path] = digest(files[path])
    return dict(files, **{v.MANIFEST: said})


def manifest_bytes(said):
    return said if isinstance(said, bytes) else json.dumps(said, indent=2, ensure_ascii=False).encode() + b"\n"


def raw_deflate(content):
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflater.compress(content) + deflater.flush()


def deflated(path, content):
    """Method and packed bytes; a manifest is stored."""
    packed = raw_deflate(content)
    return (8, packed) if len(packed) < len(content) and path != v.MANIFEST else (0, content)


def zip_of(files, members=None, deflate=deflated):
    """The zip of these files, manifest last; `members` may change the list of members, and `deflate` how they are
    packed, and of what content the headers speak."""
    out, listed = b"", []
    for path, content in files.items():
        if path == v.MANIFEST:
            if isinstance(content, dict):
                content["container"] = v.own_blake3([out])[0].hex()
            content = manifest_bytes(content)
        method, packed, *said = deflate(path, content)
        content = said[0] if said else content
        member = v.Member(path.encode(), method, zlib.crc32(content), len(packed), len(content), len(out))
        listed.append(member)
        out += member.local + packed
    listed = members(listed) if members else listed
    directory = b"".join(member.central for member in listed)
    return out + directory + v.end_records(len(listed), len(out), len(directory))


def sealed(files):
    return zip_of(finish_manifest(files))


# The tables ----------------------------------------------------------------------------------------------------------

def write(name, value):
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1, ensure_ascii=False)
        file.write("\n")


def main():
    from tables import ed25519, notes, packs, proofs, receipts, statements, tiles
    me = sys.modules[__name__]
    for table in (ed25519, notes, tiles, proofs, receipts, statements):
        write(table.NAME, table.make(me))
    os.makedirs(os.path.join(HERE, "packs"), exist_ok=True)
    table = packs.make(me)
    for row in table["packs"]:
        with open(os.path.join(HERE, "packs", row["file"]), "wb") as file:
            file.write(row.pop("zip"))
    write(packs.NAME, table)


if __name__ == "__main__":
    sys.path.insert(0, HERE)
    main()
