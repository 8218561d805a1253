"""Packs: good ones, and each kind of damage, with the exit code and the findings that both verifiers must come to."""
import copy
import json

NAME = "packs.json"
PARTS = [
    [("body", "application/json", b'{"n":0,"ok":true}'), ("comment", "text/plain", "caf\u00e9\n\"yes\"".encode())],
    [("body", " application/cloudevents+json ; charset=utf-8", b' {"a":[1e999,-0.0,"\\ud800"]} ')],
    [("body", "application/json", b"NaN"), ("deep", "application/json", b"[" * 128 + b"]" * 128)],
    [("body", "application/json", b"[" * 127 + b"]" * 127), ("raw", "application/octet-stream", b"\xff\0")],
    [("body", "application/json", b'{\n"a":1}'), ("odd\x7f\x01\\", "text/x-\xe9", b"\x00\x1f\x7f\xc2\x80")],
]


def whole(m, **changes):
    texts = [{"subject": "=1+1"}, {"subject": "a,b"}, {"subject": " a"}, {"subject": "'quoted"}, {"producer": "say \"x\"\r\n"}]
    events = [m.event(n, PARTS[n], **dict(texts[n], **changes.get(str(n), {}))) for n in range(5)]
    return m.Ledger(events)


def make(m):
    rows = []

    def row(name, zip, exit=0, findings=(), reason=None):
        rows.append({"file": name + ".zip", "zip": zip, "vkey": m.vkey(), "exit": exit,
                     "findings": [list(finding) for finding in findings], **({"reason": reason} if reason else {})})

    good(m, row)
    signed(m, row)
    entries(m, row)
    files(m, row)
    manifests(m, row)
    containers(m, row)
    return {"about": "The zips are in packs/. `exit` is 0 verified, 1 not, 4 verified but not everything; `findings` are all "
                     "findings, kind and index of the entry, in any order. Where there is a reason, that is what is wrong.",
            "packs": rows}


def good(m, row):
    row("whole", m.sealed(m.pack_files(whole(m))))
    ledger = whole(m)
    ledger.payloads[0] = m.withhold(ledger.payloads[0], "comment")
    ledger.payloads[3] = m.withhold(m.withhold(ledger.payloads[3], "body"), "raw")
    row("withheld", m.sealed(m.pack_files(ledger, manifest={"withhold_parts": ["comment"]})))
    long = m.Ledger([m.event(n, source="s:%d" % (n % 3), source_sequence=n // 3 + 1) for n in range(300)])
    row("part", m.sealed(m.pack_files(long, 270, 280)))
    row("attachment", m.sealed(m.pack_files(whole(m), more={"attachments/" + m.digest(b"x")["blake3"]: b"x"})))
    row("gap", m.sealed(m.pack_files(whole(m, **{"4": {"source_sequence": 9}}))), 4)
    row("repeated-number", m.sealed(m.pack_files(whole(m, **{"4": {"source_sequence": 2}}))), 4)
    row("late", m.sealed(m.pack_files(whole(m, **{"3": {"source_sequence": 5}, "4": {"source_sequence": 4}}))))
    row("gaps-confirmed", m.sealed(m.pack_files(lacking(m))))
    row("gaps-partly-confirmed", m.sealed(m.pack_files(lacking(m, 9))), 4)
    row("asked-for-less", m.sealed(m.pack_files(whole(m), 1, 3)))
    row("empty", m.sealed(m.pack_files(m.Ledger([]))), 4)


def lacking(m, last=2):
    """Three sources that lack more numbers together than 64 bits count, which is confirmed, and one that comes to `last`."""
    most = 2**64 - 1
    events = [m.event(n, source="s:%d" % n, source_sequence=most) for n in range(3)]
    events += [m.event(3 + n, source="s:3", source_sequence=number) for n, number in enumerate((1, last))]
    gaps = [{"kind": "sequence_gap", "index": None, "expected": "numbers 1 to %d of s:%d" % (most - 1, n),
             "found": "none of them"} for n in range(3)]
    body = json.dumps({"findings": gaps, "what": "lost", "why": "a restart"}, separators=(",", ":")).encode()
    return m.Ledger(events + [m.event(
        5, [("body", "application/json", body)], source="exhibit:breaks", source_sequence=0, event_id="break-5",
        event_type="ledger.break-confirmed.v1", producer="exhibit break confirm")])


def signed(m, row):
    ledger = whole(m)
    for name, checkpoint, kind, index, reason in (
            ("forged", m.checkpoint(5, ledger.root(), seed=bytes(32)), "checkpoint_untrusted", None,
             "the checkpoint is by another key of the same name"),
            ("other-ledger", m.checkpoint(5, ledger.root(), "other.example.com"), "other_ledger", None,
             "the checkpoint is of another ledger"),
            ("other-root", m.checkpoint(5, bytes(32)), "root_mismatch", None, "the checkpoint signs another root"),
            ("extension", m.note("%s\n5\n%s\nmore\n" % (m.ORIGIN, m.B64(ledger.root()))), "checkpoint_malformed", None,
             "the checkpoint has a fourth line")):
        row(name, m.sealed(m.pack_files(ledger, signed=checkpoint)), 1, [(kind, index)], reason)
    older = m.pack_files(ledger)
    older[m.v.CHECKPOINT] = ledger.checkpoint(3).encode()
    said = older[m.v.MANIFEST]
    said["checkpoint"], said["root"] = ledger.checkpoint(3), ledger.root(3).hex()
    row("older", m.sealed(older), 1, [("checkpoint_behind", 3), ("manifest_mismatch", None)],
        "the checkpoint covers three of the five entries, and the manifest says five")


def entries(m, row):
    def packed(ledger, **more):
        return m.sealed(m.pack_files(ledger, **more))

    true = whole(m)
    signed, tiles = true.checkpoint(), m.tiles_of(true.leaves(), (0, 1))
    ledger = whole(m)
    ledger.payloads[2], ledger.payloads[3] = ledger.payloads[3], ledger.payloads[2]
    row("payloads-swapped", packed(ledger), 1, [("payload_altered", 2), ("payload_altered", 3)], "two payloads change places")
    ledger = whole(m)
    ledger.entries[2] = ledger.entries[2].replace(b"token:ci", b"token:me")
    row("entry-altered", packed(ledger, signed=signed, more=tiles), 1, [("chain_broken", 3), ("entry_altered", 2)],
        "an entry says something else")
    forged = whole(m, **{"2": {"producer": "token:me"}})
    row("rehashed", packed(forged, signed=signed), 1, [("root_mismatch", None)], "an entry is changed, and all hashes after it")
    row("clock", packed(whole(m, **{"3": {"recorded_at": m.NOW}})), 1, [("clock_backwards", 3)], "the clock goes back")
    row("duplicate", packed(whole(m, **{"3": {"event_id": "run-1"}})), 1, [("duplicate_event", 3)],
        "one event is recorded twice")
    row("genesis", packed(m.Ledger([m.event(n) for n in range(3)], "other.example.com")), 1, [("chain_broken", 0)],
        "the chain begins with another ledger's name")
    row("chain", packed(whole(m, **{"2": {"previous": bytes(32)}})), 1, [("chain_broken", 2)], "the chain is broken")
    row("index", packed(whole(m, **{"2": {"index": 7}})), 1, [("entry_altered", 2)], "an entry says another index")
    row("commitment", packed(whole(m, **{"2": {"commitment": bytes(32)}})), 1, [("payload_altered", 2)],
        "an entry commits to another payload")


def files(m, row):
    def changed(name, reason, findings, change):
        files = m.pack_files(whole(m))
        change(files)
        row(name, m.sealed(files), 1, findings, reason)

    bundle, tile, payload = "tile/entries/000.p/5", "tile/0/000.p/5", "payload/000.p/5"
    v = m.v
    changed("tile-altered", "a hash tile says something else", [("tile_altered", 1)],
            lambda f: f.update({tile: f[tile][:32] + bytes(32) + f[tile][64:]}))
    changed("tile-missing", "a hash tile is missing", [("tile_missing", 0)], lambda f: f.pop(tile))
    changed("tile-short", "a hash tile is too short", [("tile_altered", 0)], lambda f: f.update({tile: f[tile][:-32]}))
    changed("payload-missing", "a payload bundle is missing", [("payload_missing", 0), ("derived_mismatch", None)] +
            [("derived_mismatch", None)], lambda f: f.pop(payload))
    changed("payload-short", "a payload bundle ends early", [("payload_malformed", 4)] + [("derived_mismatch", None)] * 2,
            lambda f: f.update({payload: f[payload][:-1]}))
    changed("payload-long", "a payload bundle goes on", [("payload_malformed", 4)],
            lambda f: f.update({payload: f[payload] + b"\0"}))
    changed("bundle-long", "bytes follow the last entry", [("entry_malformed", 5)],
            lambda f: f.update({bundle: f[bundle] + b"\0"}))
    changed("jsonl", "a line of events.jsonl says something else", [("derived_mismatch", 2)],
            lambda f: f.update({v.JSONL: f[v.JSONL].replace(b'"event_id":"run-2"', b'"event_id":"run-7"')}))
    changed("jsonl-more", "events.jsonl has a line too many", [("derived_mismatch", None)],
            lambda f: f.update({v.JSONL: f[v.JSONL] + b"{}\n"}))
    changed("jsonl-fewer", "events.jsonl has a line too few", [("derived_mismatch", 4)],
            lambda f: f.update({v.JSONL: b"".join(f[v.JSONL].splitlines(True)[:-1])}))
    changed("csv-formula", "a cell of events.csv is a formula", [("derived_mismatch", 0)],
            lambda f: f.update({v.CSV: f[v.CSV].replace(b"'=1+1", b"=1+1")}))
    changed("csv-missing", "events.csv is missing", [("derived_mismatch", None), ("manifest_mismatch", None)],
            lambda f: (f.pop(v.CSV), f[v.MANIFEST]["files"].pop(v.CSV)))
    changed("unexpected", "a file that the manifest does not name", [("unexpected_file", None)],
            lambda f: f.update({"notes.txt": b"x", v.MANIFEST: f.pop(v.MANIFEST)}))
    changed("far", "the name of a bundle that lies far beyond the tree", [
        ("entries_reordered", 256 * 10**12), ("payload_missing", 256 * 10**12), ("tile_missing", 256 * 10**12)],
            lambda f: f.update({"tile/entries/x001/x000/x000/x000/000": b"", v.MANIFEST: f.pop(v.MANIFEST)}))
    changed("other-width", "a second bundle of another width", [("unexpected_file", None)],
            lambda f: f.update({"tile/entries/000.p/4": f[bundle], v.MANIFEST: f.pop(v.MANIFEST)}))


def manifests(m, row):
    def changed(name, reason, change):
        files = m.finish_manifest(m.pack_files(whole(m)))
        said = copy.deepcopy(files[m.v.MANIFEST])
        files[m.v.MANIFEST] = change(said) or said
        row("manifest-" + name, m.zip_of(files), 1, [("manifest_mismatch", None)], reason)

    def put(**fields):
        return lambda said: said.update(fields)

    changed("format", "another format", put(format="exhibit-pack/2"))
    changed("member", "a member too many", put(more=1))
    changed("order", "members in another order", lambda said: {name: said[name] for name in reversed(list(said))})
    changed("form", "not indented", lambda said: json.dumps(said).encode() + b"\n")
    changed("number", "a number with a point", lambda said: said["counts"].update(entries=5.0))
    changed("tool", "no tool", lambda said: said.pop("tool") and None)
    changed("origin", "another origin", put(origin="other.example.com"))
    changed("root", "another root", put(root="00" * 32))
    changed("counts", "other counts", lambda said: said["counts"].update(parts_withheld=1))
    changed("recorded", "another time", lambda said: said["recorded"].update(first="2026-01-01T00:00:00.000000000Z"))
    changed("sources", "another statement on sources", lambda said: said["sources"].update(late=1))
    changed("digest", "another digest of a file", lambda said: said["files"]["README.txt"].update(blake3="00" * 32))
    changed("file", "a file that is not there", lambda said: said["files"].update(
        {"zzz": {"bytes": 1, "blake3": "00" * 32}}))
    changed("unlisted", "README.txt is not named", lambda said: said["files"].pop("README.txt") and None)


def containers(m, row):
    files = m.finish_manifest(m.pack_files(whole(m)))
    good = m.zip_of(copy.deepcopy(files))
    v = m.v

    def damaged(name, zip, findings, reason):
        row("zip-" + name, zip, 1, findings, reason)

    damage = ("container_damaged", None)
    damaged("comment", good[:-2] + b"\x01\x00x", [("container_damaged", None)] + [("checkpoint_malformed", None),
            ("manifest_mismatch", None)] + [("derived_mismatch", None)] * 2, "a comment behind the end record")
    again = lambda path, content: (8, m.raw_deflate(content)) if path == v.MANIFEST else m.deflated(path, content)  # noqa: E731
    damaged("manifest-deflated", m.zip_of(copy.deepcopy(files), deflate=again), [damage], "a manifest that is deflated")
    directory = good.index(b"PK\1\2")
    second = good.index(b"PK\1\2", directory + 1)
    damaged("time", good[:12] + b"\x22" + good[13:], [damage, damage], "a date in a local header")
    damaged("directory-date", good[:directory + 14] + b"\x22" + good[directory + 15:], [damage], "a date in the directory")
    damaged("attributes", good[:second + 38] + b"\x01" + good[second + 39:], [damage], "attributes in the directory")

    def swap(listed):
        return [listed[1], listed[0]] + listed[2:]

    damaged("order", m.zip_of(copy.deepcopy(files), swap), [damage, damage, damage], "the directory in another order")
    damaged("flag", good[:6] + b"\x08" + good[7:], [damage, damage], "a flag in a local header")
