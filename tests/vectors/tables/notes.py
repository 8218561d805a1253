"""Signed notes, verifier keys and checkpoints."""

NAME = "notes.json"


def make(m):
    return {"about": "`result` is ok, or why it must be refused, with the reason: malformed; untrusted: the key did not "
                     "sign it; other_ledger: the origin is not the key's name.",
            "vkeys": vkeys(m), "notes": notes(m), "checkpoints": checkpoints(m)}


def vkeys(m):
    good = m.vkey()
    typed = b"\x01" + m.public(m.SEED)
    rows = [{"vkey": good, "result": "ok", "name": m.ORIGIN, "id": m.key_id(m.ORIGIN, typed).hex(),
             "public": typed[1:].hex()}]
    name, id, base64 = good.split("+", 2)
    for name_ok in ("x", "n" * 255, "d\u00e9p\u00f4t.example.com", "a\u200bb"):
        rows.append({"vkey": m.vkey_of(name_ok, typed), "result": "ok", "name": name_ok,
                     "id": m.key_id(name_ok, typed).hex(), "public": typed[1:].hex()})
    plus = next(m.vkey(seed=bytes([n]) * 32) for n in range(256) if "+" in m.vkey(seed=bytes([n]) * 32).split("+", 2)[2])
    fields = plus.split("+", 2)
    rows.append({"vkey": plus, "result": "ok", "name": fields[0], "id": fields[1],
                 "public": m.base64.b64decode(fields[2])[1:].hex()})
    for vkey, reason in (
            ("", "empty"),
            (name, "no key id"),
            (name + "+" + id, "no key"),
            ("+".join((name, "00000000", base64)), "another key id"),
            ("+".join((name, id.upper(), base64)), "the key id in capitals"),
            ("+".join((name, id[:-1], base64)), "the key id cut short"),
            ("+".join((name + "x", id, base64)), "another name under the same id"),
            ("+".join((name, id, base64 + "=")), "padding where none is needed"),
            (good + "\n", "a newline at the end"),
            (" " + good, "a space in front"),
            (m.vkey_of("", typed), "an empty name"),
            (m.vkey_of("a b", typed), "a space in the name"),
            (m.vkey_of("a\u00a0b", typed), "a no-break space in the name"),
            (m.vkey_of("a\u0085b", typed), "a control character in the name"),
            (m.vkey_of("n" * 256, typed), "a name of 256 bytes"),
            (m.vkey_of("\u00e9" * 128, typed), "a name of 128 characters and 256 bytes"),
            (m.vkey_of(name, b"\x7f" + typed[1:]), "an unknown type"),
            (m.vkey_of(name, typed + b"\0"), "33 bytes of key"),
            (m.vkey_of(name, typed[:-1]), "31 bytes of key"),
            (m.vkey_of(name, b"\x01" + b"\x01" + bytes(31)), "the identity: anything verifies under it"),
            (m.vkey_of(name, b"\x01" + bytes(32)), "a key of small order"),
            (m.vkey_of(name, b"\x01" + (2**255 - 16).to_bytes(32, "little")), "a coordinate of P or more"),
            (m.vkey_of(name, b"\x01\x02" + bytes(31)), "not on the curve")):
        rows.append({"vkey": vkey, "result": "malformed", "reason": reason})
    return rows


def bad_base64(line):
    """The line with other bits in the part of its last digit that encodes nothing."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    at = line.index("=") - 1
    return line[:at] + digits[digits.index(line[at]) ^ 1] + line[at + 1:]


def notes(m):
    key, rows = m.vkey(), []

    def row(note, result="ok", reason=None, text=None):
        if isinstance(note, bytes):
            row = {"note_hex": note.hex()}
        else:
            row = {"note": note}
        row.update({"vkey": key, "result": result}, **({"reason": reason} if reason else {"text": text}))
        rows.append(row)

    for text in ("a\n", "a\n\nb\n", "\n", "\n\n\n", "\u2014 not a signature\n\nx\n", "d\u00e9p\u00f4t\n"):
        row(m.note(text), text=text)
    text = "a\n"
    good, other = m.signature_line(m.ORIGIN, m.SEED, text), m.signature_line("other.example.com", bytes(32), text)
    garbage = m.signature_line("other.example.com", bytes(32), text, b"anything")
    row(text + "\n" + other + good, text=text)
    row(text + "\n" + good + garbage, text=text)
    row(text + "\n" + good + good, text=text)
    row(text + "\n" + good + garbage * 99, text=text)
    wrong = m.signature_line(m.ORIGIN, m.SEED, text, bytes(64))
    for note, reason in (
            (text + "\n" + other, "only another key signed"),
            (text + "\n" + wrong, "the signature does not verify"),
            (text + "\n" + good + wrong, "a second line of the same key does not verify"),
            ("b\n\n" + good, "a signature of another text"),
            (text + "\n" + m.signature_line(m.ORIGIN, bytes(32), text), "the name is the key's, the id is not"),
            (text + "\n" + m.signature_line(m.ORIGIN, m.SEED, text, m.sign(m.SEED, b"a\n")[:63]), "63 bytes of signature")):
        row(note, "untrusted", reason)
    line = good[:-1]
    for note, reason in (
            ("", "empty"), ("a\n", "no signatures"), ("a\n\n", "nothing behind the blank line"),
            ("a\n" + good, "no blank line"), (text + "\n" + line, "the last line does not end"),
            (text + "\n" + good + "\n", "a blank line at the end"),
            (text + "\n" + good + "x\n", "a line that is no signature"),
            (text + "\n-" + good[1:], "a hyphen for the dash"),
            (text + "\n" + good.replace(" ", "  ", 1), "two spaces"),
            (text + "\n" + line + " \n", "a space at the end of a line"),
            (text + "\n" + line + "\r\n", "a carriage return"),
            (text + "\n" + line.rstrip("=") + "\n", "base64 without padding"),
            (text + "\n" + bad_base64(m.signature_line(m.ORIGIN, m.SEED, text, bytes(63))),
             "base64 in another spelling"),
            (text + "\n\u2014 x AAAAAA==\n", "an id without a signature"),
            (text + "\n\u2014 x+y AAAAAAA=\n", "a plus in the name"),
            ("a\t\n\n" + good, "a tab in the text"),
            (text + "\n" + good + garbage * 100, "101 signatures"),
            ((text + "\n" + good).encode()[:-3] + b"\xff\n", "not UTF-8"),
            ("a" * 1_000_000 + "\n\n" + good, "over 1,000,000 bytes")):
        if len(note) > 100_000:
            continue  # too long for a table; the programs' own tests have it
        row(note, "malformed", reason)
    return rows


def checkpoints(m):
    root, key, rows = bytes(range(32)), m.vkey(), []
    b64 = m.B64(root)

    def row(text, result="ok", reason=None, name=m.ORIGIN, seed=m.SEED):
        fields = {"note": m.note(text, name, seed), "vkey": key, "result": result}
        if reason:
            fields["reason"] = reason
        else:
            lines = text.split("\n")
            fields.update({"origin": lines[0], "size": int(lines[1]), "root": m.base64.b64decode(lines[2]).hex()})
        rows.append(fields)

    row("%s\n1\n%s\n" % (m.ORIGIN, b64))
    row("%s\n%d\n%s\n" % (m.ORIGIN, 2**64 - 1, b64))
    row("%s\n0\n%s\n" % (m.ORIGIN, m.B64(m.v.EMPTY_ROOT)))
    row("%s\n7\n%s\nan extension\n" % (m.ORIGIN, b64))
    for text, reason in (
            ("%s\n" % m.ORIGIN, "no size"), ("%s\n1\n" % m.ORIGIN, "no root"),
            ("%s\n01\n%s\n" % (m.ORIGIN, b64), "a leading zero"), ("%s\n+1\n%s\n" % (m.ORIGIN, b64), "a sign"),
            ("%s\n 1\n%s\n" % (m.ORIGIN, b64), "a space"), ("%s\n1 \n%s\n" % (m.ORIGIN, b64), "a space behind"),
            ("%s\n\u0661\n%s\n" % (m.ORIGIN, b64), "a digit of another script"),
            ("%s\n%d\n%s\n" % (m.ORIGIN, 2**64, b64), "a size over 64 bits"),
            ("%s\n1\n%s\n" % (m.ORIGIN, m.B64(root[:31])), "31 bytes of root"),
            ("%s\n1\n%s\n" % (m.ORIGIN, b64.rstrip("=")), "base64 without padding"),
            ("%s\n0\n%s\n" % (m.ORIGIN, b64), "a root of an empty tree that is not the hash of nothing"),
            ("%s\n1\n%s\n\n" % (m.ORIGIN, b64), "an empty extension line"),
            ("a b\n1\n%s\n" % b64, "an origin that is no key name"), ("\n1\n%s\n" % b64, "an empty origin")):
        row(text, "malformed", reason)
    row("other.example.com\n1\n%s\n" % b64, "other_ledger", "the key signed, but the origin is not its name")
    row("other.example.com\n1\n%s\n" % b64, "other_ledger", "another ledger, by its own key", "other.example.com", bytes(32))
    row("%s\n1\n%s\n" % (m.ORIGIN, b64), "untrusted", "the same name, another key", seed=bytes(32))
    return rows
