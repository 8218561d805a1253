"""Receipts."""
from tables import proofs

NAME = "receipts.json"


def make(m):
    ledger, key, rows = m.Ledger([m.event(n) for n in range(5)]), m.vkey(), []
    signed = ledger.checkpoint()

    def text(index=3, entry=None, proof=None, checkpoint=signed):
        entry = ledger.entries[index] if entry is None else entry
        proof = proofs.inclusion(m.v, index, ledger.leaves()) if proof is None else proof
        return "c2sp.org/tlog-proof@v1\nextra %s\nindex %d\n%s\n%s" % (
            m.B64(entry), index, "".join(m.B64(hash) + "\n" for hash in proof), checkpoint)

    def row(receipt, result="ok", reason=None, index=3):
        rows.append(dict({"receipt": receipt, "vkey": key, "result": result},
                         **({"reason": reason} if reason else {"index": index})))

    for index in range(5):
        row(text(index), index=index)
    one = m.Ledger([m.event(0)])
    row(text(0, one.entries[0], [], one.checkpoint()), index=0)
    cosigned = signed + m.signature_line("witness.example.com", bytes(32), "x\n")
    row(text(checkpoint=cosigned))
    good = text()
    proof = proofs.inclusion(m.v, 3, ledger.leaves())
    lines = good.split("\n")
    for receipt, reason in (
            ("", "empty"), (good.replace("@v1", "@v2"), "another version"),
            (good.replace(lines[1] + "\n", ""), "no entry"), (good.replace("index 3\n", ""), "no index"),
            (good.replace("index 3", "index 03"), "a leading zero"), (good.replace("index 3", "index +3"), "a sign"),
            (good.replace("\n\n", "\n", 1), "no blank line before the checkpoint"),
            (good.replace(lines[3], lines[3].rstrip("=")), "base64 without padding"),
            (text(proof=[hash[:31] for hash in proof]), "hashes of 31 bytes"),
            (text(proof=proof * 30), "over 64 hashes"), (good + "\n", "a newline too many"),
            (good.replace("\n", "\r\n"), "carriage returns"), (good[:-20], "cut short")):
        row(receipt, "malformed", reason)
    altered = m.Ledger([m.event(n, producer="someone") for n in range(5)])
    for receipt, reason in (
            (text(entry=altered.entries[3]), "another entry"),
            (text(entry=ledger.entries[2]), "the entry of another index"),
            (text(entry=ledger.entries[3] + b"\0"), "bytes that are no entry"),
            (text(proof=proof[::-1]), "the hashes the wrong way round"), (text(proof=proof[:-1]), "a hash too few"),
            (text(proof=proof + proof[:1]), "a hash too many"),
            (text(checkpoint=ledger.checkpoint(4)), "a checkpoint of another size"),
            (text(checkpoint=altered.checkpoint()), "a checkpoint of another tree")):
        row(receipt, "unproven", reason)
    row(text(checkpoint=m.checkpoint(5, ledger.root(), seed=bytes(32))), "untrusted", "a checkpoint by another key")
    row(text(checkpoint=m.checkpoint(5, ledger.root(), "other.example.com")), "other_ledger",
        "a checkpoint of another ledger")
    return {"about": "`result` is ok, or why it must be refused, with the reason: malformed; unproven: the entry is not "
                     "proven to stand there; untrusted and other_ledger as in notes.json.", "receipts": rows}
