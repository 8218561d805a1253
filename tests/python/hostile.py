"""Makes packs as somebody would who wants to be believed: well signed, and with a lie where a reader may not look.

    python3 hostile.py VERIFY_PY DIRECTORY

They are written into the directory; a list of {name, path, key, exit}, with the exit code that is right, is printed as
JSON. Everything is made by the signer and the pack writer of the vectors.
"""
import importlib.util
import json
import os
import struct
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
EMPTY_BLOCK = b"\0\0\0\xff\xff"  # stored, of no bytes, and not the last
LAST_BLOCK = b"\3\0"
VERIFIED, ALTERED, NOTHING, INCOMPLETE = 0, 1, 3, 4


def load_maker():
    spec = importlib.util.spec_from_file_location("make", os.path.join(HERE, "..", "vectors", "make.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Packs:
    """The packs that were made, and the right verdicts."""

    def __init__(self, maker, directory):
        self.m, self.v, self.directory, self.made = maker, maker.v, directory, []

    def add(self, name, content, exit, key=None):
        path = os.path.join(self.directory, "%d.zip" % len(self.made))
        with open(path, "wb") as file:
            file.write(content)
        self.made.append({"name": name, "path": path, "key": key or self.m.vkey(), "exit": exit})

    def files(self, events=5, **more):
        return self.m.pack_files(self.m.Ledger([self.m.event(n) for n in range(events)]), **more)


# Members that are deflated in a way that no honest writer has --------------------------------------------------------

def blocks(content):
    """Deflated, up to where another block may begin."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflater.compress(content) + deflater.flush(zlib.Z_FULL_FLUSH)


def nothing(length):
    """So many bytes that inflate to none, up to where another block may begin."""
    longer = b"\2\0" + EMPTY_BLOCK[1:]  # an empty block of another type before it, which takes a byte
    return longer * (length % 5) + EMPTY_BLOCK * ((length - 6 * (length % 5)) // 5)


def deflated_members(packs):
    m, v = packs.m, packs.v
    files = m.finish_manifest(packs.files(more={"attachments/note": b"attached\n"}))
    much = nothing(2 * v.STEP)

    def add(path, name, packed, said, exit):
        """Puts in a member that is packed like this, and of which the zip's directory says this content."""
        def deflate(at, content):
            return (8, packed, said) if at == path else m.deflated(at, content)
        copied = dict(files, **{v.MANIFEST: dict(files[v.MANIFEST])})
        packs.add("%s, %s" % (path, name), m.zip_of(copied, deflate=deflate), exit)

    short = (v.CHECKPOINT, "tile/0/000.p/5")  # nobody reads so much for these
    for path in short + (v.JSONL, v.CSV, v.README, "attachments/note", "tile/entries/000.p/5", "payload/000.p/5"):
        good, forged = files[path], b"forged\n"
        harmless = ALTERED if path in short else VERIFIED
        hidden = blocks(good) + much + blocks(forged) + LAST_BLOCK
        add(path, "forged lines behind empty blocks", hidden, good + forged, ALTERED)
        add(path, "forged lines behind empty blocks, which the directory hides", hidden, good, ALTERED)
        add(path, "empty blocks in the middle", blocks(good[:40]) + much + blocks(good[40:]) + LAST_BLOCK, good, harmless)
        add(path, "empty blocks at the end", blocks(good) + much + LAST_BLOCK, good, harmless)
        ended = blocks(good) + LAST_BLOCK
        add(path, "bytes behind the last block", ended + b"forged", good, ALTERED)
        add(path, "another stream behind the last block", ended + hidden, good, ALTERED)
        # What is read in steps ends one just where the last block does.
        full = blocks(good) + nothing(v.STEP - len(ended)) + LAST_BLOCK
        add(path, "bytes behind a last block at a step's end", full + hidden, good, ALTERED)
        add(path, "a last block at a step's end", full, good, ALTERED if path == short[1] else VERIFIED)
        add(path, "no last block", blocks(good), good, ALTERED)
        add(path, "another checksum", ended, good[:-1] + b"?", ALTERED)
        add(path, "another length", ended, good + b"\n", ALTERED)


# Signatures ----------------------------------------------------------------------------------------------------------

def rotated(packs):
    """A ledger whose key was rotated at size 2, and the two keys' seeds."""
    m, v = packs.m, packs.v
    old, new = m.SEED, bytes([2]) * 32
    before = m.Ledger([m.event(n, source_sequence=0) for n in range(2)])
    text = "exhibit key statement v1\norigin %s\nnumber 1\nprevious none\nrotated %s\nto %s\nsize 2\nroot %s\ntime 7\n" \
           "reason on schedule\n" % (m.ORIGIN, m.vkey(seed=old), m.vkey(seed=new), m.B64(before.root()))
    statement = text + "\n" + m.signature_line(m.ORIGIN, old, text) + m.signature_line(m.ORIGIN, new, text)
    recorded = {"source": "exhibit:keys", "event_type": v.CHANGES["rotated"],
                "event_id": v.own_blake3([text.encode()])[0].hex()}
    events = [m.event(n, **dict(recorded if n == 2 else {}, source_sequence=0)) for n in range(5)]
    return m.Ledger(events), statement, old, new


def signatures(packs):
    m, v = packs.m, packs.v
    ledger, statement, old, new = rotated(packs)
    text = "%s\n5\n%s\n" % (m.ORIGIN, m.B64(ledger.root()))

    def add(name, lines, trusted, exit):
        files = m.pack_files(ledger, signed=text + "\n" + "".join(lines), more={v.KEY_HISTORY: statement.encode(), v.LOG_VKEY: (m.vkey(seed=new) + "\n").encode()},
                             manifest={"key": m.vkey(seed=new)})
        packs.add("signatures, " + name, m.sealed(files), exit, key=m.vkey(seed=trusted))

    good, older = (m.signature_line(m.ORIGIN, seed, text) for seed in (new, old))
    wrong, older_wrong = (m.signature_line(m.ORIGIN, seed, text, bytes(32) + b"\1" * 32) for seed in (new, old))
    stranger = m.signature_line("other.example.com", old, text, bytes(64))
    for trusted in (new, old):
        add("by the newest key", [good], trusted, VERIFIED)
        add("by both keys", [good, older], trusted, VERIFIED)
        add("by the newest key, and a wrong one by a stranger", [good, stranger], trusted, VERIFIED)
        add("by the newest key, and a wrong one by the older", [good, older_wrong], trusted, ALTERED)
        add("a wrong one by the older key, and by the newest", [older_wrong, good], trusted, ALTERED)
        add("by the newest key, right and wrong", [good, wrong], trusted, ALTERED)
        # For who trusts the successor it signs nothing alone: a history can leave out that it was retired.
        add("by the older key alone, which was not retired", [older], trusted, VERIFIED if trusted == old else ALTERED)
    add("an S that is not below the order", [m.signature_line(m.ORIGIN, new, text, higher(v, m.sign(new, text.encode())))],
        new, ALTERED)


def higher(v, signature):
    """The same signature with another S, which a lax verifier takes."""
    return signature[:32] + (int.from_bytes(signature[32:], "little") + v.ORDER).to_bytes(32, "little")


# Sizes that nobody has -----------------------------------------------------------------------------------------------

def sizes(packs):
    m, v = packs.m, packs.v
    for size in (2**40, 2**60 + 12345, 2**63, 2**64 - 1):
        for seed, by in ((m.SEED, "the ledger"), (bytes(32), "a stranger")):
            signed = m.checkpoint(size, bytes(32), seed=seed)
            files = packs.files(600, signed=signed)
            del files["tile/entries/002.p/88"], files["payload/002.p/88"], files["tile/0/002.p/88"]
            packs.add("%d entries, signed by %s" % (size, by), m.sealed(files), ALTERED)
            last = v.span_path((size // 256 - 1, 256))
            far = {path + last: files[path + "001"] for path in ("tile/entries/", "payload/", "tile/0/")}
            files.update(far, **{v.MANIFEST: files.pop(v.MANIFEST)})
            packs.add("%d entries with the last bundles, signed by %s" % (size, by), m.sealed(files), ALTERED)


# Confirmed breaks ----------------------------------------------------------------------------------------------------

def confirmed(packs):
    """A ledger that admits that 1,050 payloads are lost, and what else may be wrong with it."""
    m, v = packs.m, packs.v
    lost, at_once = 1050, 1000
    events = [m.event(n) for n in range(lost + 2)]
    plain = m.Ledger(events)
    for start in range(0, lost, at_once):
        known = [{"kind": "payload_missing", "index": n, "expected": v.Entry(plain.entries[n]).commitment.hex(),
                  "found": v.LOST_PAYLOAD} for n in range(start, min(start + at_once, lost))]
        body = json.dumps({"findings": known, "what": "a disk", "why": "it was old"}, separators=(",", ":")).encode()
        events.append(m.event(len(events), [("body", "application/json", body)], source=v.BREAK_SOURCE,
                              event_type=v.BREAK_TYPE, producer=v.BREAK_PRODUCER, source_sequence=0))
    ledger = m.Ledger(events)

    def add(name, change, exit):
        files = m.pack_files(ledger)
        changed = dict(enumerate(ledger.payloads))
        changed.update({n: bytes(8) for n in range(lost)})
        change(changed)
        for path in [path for path in files if path.startswith("payload/")]:
            number, width = v.parse_span(path[len("payload/"):])
            files[path] = b"".join(changed[n] for n in range(256 * number, 256 * number + width))
        relist(packs, files, ledger, changed)
        packs.add("confirmed, " + name, m.sealed(files), exit)

    add("1,050 lost payloads", lambda payloads: None, VERIFIED)
    add("and one that is lost beside them", lambda payloads: payloads.update({lost: bytes(8)}), ALTERED)
    add("and one that is altered beside them", lambda payloads: payloads.update({lost + 1: payloads[lost]}), ALTERED)


def relist(packs, files, ledger, payloads):
    """Writes listings and counts anew for other payloads."""
    m, v = packs.m, packs.v
    jsonl, csv = [], [v.CSV_HEADER]
    for n, content in enumerate(ledger.entries):
        parts = v.read_kept(payloads[n], 0)[0]
        jsonl.append(v.jsonl_line(v.Entry(content), v.leaf_hash(content), parts))
        csv.append(v.csv_row(v.Entry(content), parts))
    files[v.JSONL], files[v.CSV] = b"".join(jsonl), b"".join(csv)
    whole = sum(content != bytes(8) for content in payloads.values())
    files[v.MANIFEST]["counts"].update(payloads_whole=whole, parts_disclosed=whole)


# Files that only the manifest knows ----------------------------------------------------------------------------------

def names(packs):
    m, v = packs.m, packs.v
    for exit, paths in (
            (VERIFIED, ("note", "a/b-c/d_e.f", ".hidden", "..a", "index.html.txt", "0")),
            (ALTERED, ("note.", "a./b", "../note", "a/../b", "a/./b", "/note", "a//b", "a/", "a b", "a\\b", "C:x", "n\u00f6te",
                       "a\nb", "a\0b", "Index.html ", "README.TXT", "Events.jsonl", "CHECKPOINT", "Manifest.json",
                       "tile/0/x001/000", "tile/note", "payload/note", "Tile/0/000.p/5", "tile/entries/000.p/4", "note\n"))):
        for path in paths:
            more = {path: b"x"}
            packs.add("a file %r" % path, m.sealed(packs.files(more=more)), exit)
    packs.add("files whose names differ in case alone", m.sealed(packs.files(more={"Note": b"x", "note": b"x"})), ALTERED)
    files = packs.files()
    files[v.MANIFEST]["files"] = {path: None for path in sorted(list(files[v.MANIFEST]["files"]) + [v.MANIFEST])}
    said = m.finish_manifest(dict(files, **{v.MANIFEST: b"x"}))
    files[v.MANIFEST]["files"] = {path: m.digest(said[path]) for path in files[v.MANIFEST]["files"]}
    packs.add("a manifest with a digest of itself", m.zip_of(files), ALTERED)


# Text and numbers that are hard on a reader --------------------------------------------------------------------------

JSON_TEXTS = [
    b"1e400", b"-0", b"-0.0", b"01", b"1.", b".5", b"+1", b"0x1", b"- 1", b"1e", b"1E+05", b"Infinity", b"-Infinity", b"NaN", b"nul",
    b"null ", b"[1,]", b"[,1]", b'{"a":1,}', b'{"a":1 "b":2}', b"{1:2}", b'{"a":1,"a":2}', b"1 2", b"[] ]", b"'a'", b"// c", b"",
    b" ", b'"\\u12G4"', b'"\\u 123"', b'"\\u123"', b'"\\x41"', b'"\t"', b'"\x7f"', b'"\\ud83d"', b'"\\ude00\\ud83d"', b'"\\/"',
    b'"\\ud83d\\ude00"', b'"\\', b'"\\"', b"\xef\xbb\xbf{}", b"\xc2\xa0{}", b"{}\x0c", b"\x0b1", b"\xd9\xa1", b'"\xed\xa0\x80"',
    b'"\xc0\x80"', b'"\xf4\x90\x80\x80"', b"\0", b"[1,\r\n2]", b"{}\n", b"truefalse", b"9" * 100_000, b"1." + b"0" * 100_000,
    b"[" * 127 + b"]" * 127, b"[" * 128 + b"]" * 128, b'{"a":' * 127 + b"1" + b"}" * 127, b'{"a":' * 128 + b"1" + b"}" * 128,
    b"[" * 126 + b'{"[[[[\\"{{{":"\\\\"}' + b"]" * 126, b"[" * 127 + b'{"[[[[\\"{{{":"\\\\"}' + b"]" * 127,
    b"[" * 500_000, b"[" * 500_000 + b"]" * 500_000, b'[{"a":' * 170_000, b"[" * 128 + b'"' + b'a\\"' * 340_000,
    b"[" * 128 + b'"' + b"\\" * 1_000_001, b"[" * 128 + b'"\\' * 500_000]


def texts(packs):
    m, v = packs.m, packs.v
    for content_type in ("application/json", "text/plain;x=+json", "\u2003a/B+json\u0085;", "application/JSON"):
        events = [m.event(n, [("body", content_type, content)]) for n, content in enumerate(JSON_TEXTS)]
        packs.add("JSON of all kinds as %r" % content_type, m.sealed(m.pack_files(m.Ledger(events))), VERIFIED)
    bodies = [b'{"findings":[{"kind":"payload_missing","index":%s}],"what":"a","why":"b"}' % (b"9" * 900_000),
              b'{"findings":' + b"[" * 500_000, b'{"findings":[],"what":"\\ud800","why":"b"}',
              b'{"findings":%s,"what":"a","why":"b"}' % (b"[" * 400 + b"]" * 400),
              b'{"findings":[],"findings":[],"what":"a","why":"b"}', b"9" * 1_000_000, b"-" + b"9" * 1_000_000]
    events = [m.event(n, [("body", "application/json", body)], source=v.BREAK_SOURCE, event_type=v.BREAK_TYPE,
                      producer=v.BREAK_PRODUCER) for n, body in enumerate(bodies)]
    packs.add("confirmed breaks that are none", m.sealed(m.pack_files(m.Ledger(events))), VERIFIED)
    good = m.manifest_bytes(m.finish_manifest(packs.files())[v.MANIFEST])

    def change(name, old, new):
        assert good.count(old) == 1, old
        files = dict(packs.files(), **{v.MANIFEST: good.replace(old, new)})
        packs.add("a manifest with " + name, m.zip_of(files), ALTERED)

    size, tool, form = b'"tree_size": 5', b'"tool": "vectors 1"', b'"format": "exhibit-pack/1"'
    change("a number of ten million digits", size, b'"tree_size": ' + b"9" * 10_000_000)
    change("a negative number of ten million digits", size, b'"tree_size": -' + b"9" * 10_000_000)
    change("a fraction of ten million digits", size, b'"tree_size": 5.' + b"9" * 10_000_000)
    for name, number in (("5.0", b"5.0"), ("5e0", b"5e0"), ("-0", b"-0"), ("1e999", b"1e999"), ("NaN", b"NaN"), ("true", b"true"),
                         ("2^64", b"18446744073709551616"), ("2^64 - 1", b"18446744073709551615"), ("05", b"05")):
        change("the size " + name, size, b'"tree_size": ' + number)
    for depth in (50, 127, 128, 300, 900, 990, 1000, 3000, 100_000):
        nested = b"[" * depth + b"]" * depth
        change("a format nested %d deep" % depth, form, b'"format": ' + nested)
        change("a tool nested %d deep" % depth, tool, b'"tool": ' + nested)
    change("a tool twice", tool, tool + b",\n  " + tool)
    change("half a surrogate pair", tool, b'"tool": "\\ud800"')
    change("an escaped pair", tool, b'"tool": "\\ud83d\\ude00"')
    change("half a pair in bytes", tool, b'"tool": "\xed\xa0\x80"')
    change("a byte order mark", b"{\n  " + form, b"\xef\xbb\xbf{\n  " + form)
    change("text behind it", b'\n  "container"', b' \n  "container"')
    change("a file of 2^64 - 1 bytes", b'"README.txt": {\n      "bytes": 10', b'"README.txt": {\n      "bytes": 18446744073709551615')


# Zips that say they are where nothing is -----------------------------------------------------------------------------

def places(packs):
    m, v = packs.m, packs.v
    good = m.zip_of(m.finish_manifest(packs.files()))
    directory, end = good.index(b"PK\1\2"), good.rindex(b"PK\5\6")
    members = good.count(b"PK\1\2", directory)

    def record(name, *numbers):
        wide = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 0x032D, 45, 0, 0, *numbers)
        locator = b"PK\6\7" + struct.pack("<IQI", 0, end, 1)
        short = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
        packs.add("a zip, " + name, good[:end] + wide + locator + short, ALTERED)

    most = 2**64 - 1
    record("with a directory beyond all numbers", members, members, most, most)
    record("with a directory at the end of all numbers", members, members, 1, most)
    record("of 2^64 - 1 members", most, most, end - directory, directory)
    record("of a directory of 2^63 bytes", members, members, 2**63, directory)
    for name, changed in (("offset", (10, 10, 2**63 + 1)), ("packed length", (2**63 + 1, 10, 0)), ("length", (10, 2**63 + 1, 0)),
                          ("offset of all ones", (10, 10, most))):
        packed, length, offset = changed
        member = v.Member(b"checkpoint", 0, 0, packed, length, offset)
        whole = member.local + b"x" * 10 + member.central
        packs.add("a zip with a member with a huge %s" % name, whole + v.end_records(1, len(member.local) + 10, len(
            member.central)), ALTERED)
    packs.add("a zip of nothing", v.end_records(0, 0, 0), ALTERED)
    packs.add("an end record alone that speaks of a directory", v.end_records(3, 0, 0), ALTERED)


def main():
    sys.dont_write_bytecode = True
    packs = Packs(load_maker(), sys.argv[2])
    for make in (deflated_members, signatures, sizes, confirmed, names, texts, places):
        make(packs)
    json.dump(packs.made, sys.stdout)


if __name__ == "__main__":
    main()
