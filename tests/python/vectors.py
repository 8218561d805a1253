"""Judges the vectors in tests/vectors by the second verifier, and prints as JSON how many there were and which went
otherwise than they should.

    python3 vectors.py VERIFY_PY VECTORS_DIRECTORY
"""
import json
import os
import sys

from cases import load, run


class Table:
    """What was judged, and what went wrong."""

    def __init__(self, verify, directory):
        self.verify, self.directory, self.judged, self.wrong = verify, directory, 0, []

    def open(self, name):
        with open(os.path.join(self.directory, name), encoding="utf-8") as file:
            return json.load(file)

    def expect(self, what, expected, found):
        self.judged += 1
        if expected != found:
            self.wrong.append("%s: expected %r, found %r" % (what, expected, found))

    def refused(self, what, row, judge):
        """Judges a row; what `judge` gives must be what the row says, unless it has a reason: then it must refuse."""
        try:
            found = judge()
        except self.verify.Malformed:
            found = None
        expected = None if "reason" in row else {name: row[name] for name in found} if found is not None else "accepted"
        self.expect("%s (%s)" % (what, row.get("reason", "good")), expected, found)


def hexes(texts):
    return [bytes.fromhex(text) for text in texts]


def ed25519(table):
    for row in table.open("ed25519.json")["signatures"]:
        public, message, signature = hexes([row["public"], row["message"], row["signature"]])
        for verifier in (table.verify.own_ed25519, table.verify.ed25519):
            table.expect("ed25519 %s" % row.get("reason"), "reason" not in row, verifier(public, signature, message))


def result_of(verify, form, content, key):
    """How a note, checkpoint or receipt is judged, as the tables say it."""
    try:
        read = form(content)
    except verify.Malformed:
        return "malformed"
    problem = read.check(verify.VerifierKey(key))
    if not problem:
        return "ok"
    if isinstance(problem, str):
        return "untrusted"
    return {"checkpoint_untrusted": "untrusted", "receipt_invalid": "unproven"}.get(problem[0], problem[0])


def notes(table):
    verify, tables = table.verify, table.open("notes.json")
    for row in tables["vkeys"]:
        def judge():
            key = verify.VerifierKey(row["vkey"])
            return {"name": key.name, "id": key.id.hex(), "public": key.public.hex()}
        table.refused("vkey", row, judge)
    for row in tables["notes"]:
        content = bytes.fromhex(row["note_hex"]) if "note_hex" in row else row["note"].encode()
        table.expect("note %s" % row.get("reason"), row["result"], result_of(verify, verify.Note, content, row["vkey"]))
        if "text" in row:
            table.expect("text", row["text"], verify.Note(content).text)
    for row in tables["checkpoints"]:
        content = row["note"].encode()
        result = result_of(verify, verify.Checkpoint, content, row["vkey"])
        table.expect("checkpoint %s" % row.get("reason"), row["result"], result)
        if result == "ok":
            read = verify.Checkpoint(content)
            table.expect("checkpoint", [row["origin"], row["size"], row["root"]],
                         [read.origin, read.size, read.root.hex()])


def tiles(table):
    verify, tables = table.verify, table.open("tiles.json")
    for row in tables["paths"]:
        table.refused("path " + row["path"], row, lambda: parse_path(verify, row["path"]))
    for row in tables["tiles"]:
        hashes = verify.split_tile(bytes.fromhex(row["tile"]))
        table.refused("tile", row, lambda: hashes and {"hashes": len(hashes)})
    for row in tables["entries"]:
        table.refused("entry", row, lambda: verify.Entry(bytes.fromhex(row["entry"])) and {})
    for row in tables["entry_bundles"]:
        entries, rest = verify.split_bundle(bytes.fromhex(row["bundle"]))
        whole = not rest and len(entries) == row["width"]
        table.refused("bundle", row, lambda: {"entries": [entry.hex() for entry in entries]} if whole else None)
    for row in tables["payload_bundles"]:
        table.refused("payloads", row, lambda: payloads(verify, bytes.fromhex(row["bundle"]), row["payloads"]))


def parse_path(verify, path):
    for kind in ("entries", "payload"):
        prefix = {"entries": "tile/entries/", "payload": "payload/"}[kind]
        span = path.startswith(prefix) and verify.parse_span(path[len(prefix):])
        if span:
            return {"kind": kind, "level": None, "number": span[0], "width": span[1]}
    tile = verify.parse_tile(path)
    return tile and {"kind": "tile", "level": tile[0], "number": tile[1][0], "width": tile[1][1]}


def payloads(verify, content, number):
    read, at = [], 0
    for _ in range(number):
        parts, at = verify.read_kept(content, at)
        read.append(parts)
    if at != len(content):
        raise verify.Malformed("bytes follow the last payload")
    # One that was lost has no part.
    commitments = zip(read, verify.payload_commitments(read))
    return {"commitments": [commitment.hex() if parts else None for parts, commitment in commitments]}


def statements(table):
    """Of the texts that others may have written, those that this verifier reads."""
    verify, tables = table.verify, table.open("statements.json")
    content = lambda row, name: bytes.fromhex(row[name + "_hex"]) if name + "_hex" in row else row[name].encode()  # noqa: E731
    for row in tables["breaks"]:
        body = verify.read_break(content(row, "body"))
        table.refused("break", row, lambda: body and {"findings": len(body["findings"])})
    for row in tables["histories"]:
        table.refused("history", row, lambda: {
            "statements": len(verify.KeyHistory(content(row, "history")).statements)})


def proofs(table):
    verify, tables = table.verify, table.open("proofs.json")
    for row in tables["inclusion"]:
        leaf, root, proof = bytes.fromhex(row["leaf"]), bytes.fromhex(row["root"]), hexes(row["proof"])
        table.expect("inclusion %s" % row.get("reason"), "reason" not in row,
                     verify.inclusion_holds(row["index"], row["size"], leaf, proof, root))


def receipts(table):
    for row in table.open("receipts.json")["receipts"]:
        result = result_of(table.verify, table.verify.Receipt, row["receipt"].encode(), row["vkey"])
        table.expect("receipt %s" % row.get("reason"), row["result"], result)


def packs(table):
    for row in table.open("packs.json")["packs"]:
        path = os.path.join(table.directory, "packs", row["file"])
        result = run(table.verify, {"path": path, "key": row["vkey"], "checkpoints": [], "receipts": []})
        order = lambda finding: (finding[0], finding[1] or 0)  # noqa: E731
        table.expect(row["file"], [row["exit"], sorted(row["findings"], key=order)],
                     [result["exit"], sorted(result.get("findings", []), key=order)])


def ledger(table):
    """The 300 entries that an independent implementation made."""
    verify, given = table.verify, table.open("ledger-v1.json")
    table.expect("genesis", given["genesis"], verify.derive_key(verify.GENESIS, [given["origin"].encode()])[0].hex())
    for entry in given["entries"]:
        content = bytes.fromhex(entry["entry"])
        read = verify.Entry(content)
        for name in ("index", "recorded_at", "occurred_at", "source_sequence", "event_type", "source", "event_id",
                     "subject", "producer"):
            table.expect(name, entry[name], getattr(read, name))
        table.expect("leaf", entry["leaf_hash"], verify.leaf_hash(content).hex())
        table.expect("chain", entry["chain_hash"], verify.derive_key(verify.CHAIN, [content])[0].hex())
        for part in entry["parts"]:
            hashed = (bytes.fromhex(part["salt"]) + verify.put_text(part["name"]) + verify.put_text(part["content_type"])
                      + bytes.fromhex(part["content"]))
            table.expect("part", part["commitment"], verify.derive_key(verify.PART, [hashed])[0].hex())
        commitments = b"".join(bytes.fromhex(part["commitment"]) for part in entry["parts"])
        table.expect("commitment", entry["commitment"], verify.derive_key(verify.PAYLOAD, [commitments])[0].hex())
    for row in given["must_reject"]:
        table.refused("must_reject " + row["why"], {"reason": row["why"]},
                      lambda: verify.Entry(bytes.fromhex(row["entry"])) and {})
    for size, note in given["checkpoints"].items():
        result = result_of(verify, verify.Checkpoint, note.encode(), given["log_vkey"])
        table.expect("checkpoint %s" % size, "ok", result)


def main():
    table = Table(load(sys.argv[1]), sys.argv[2])
    for judge in (ed25519, notes, tiles, proofs, receipts, statements, packs, ledger):
        before = table.judged
        judge(table)
        if table.judged == before:
            table.wrong.append("%s judged nothing" % judge.__name__)
    json.dump({"judged": table.judged, "wrong": table.wrong}, sys.stdout)


if __name__ == "__main__":
    main()
