"""Paths of tiles and bundles, tiles, entries, entry bundles and payload bundles."""

NAME = "tiles.json"


def make(m):
    return {"about": "Byte strings are hexadecimal. Where there is a reason, it must be refused.",
            "paths": paths(m), "tiles": tiles(), "entries": entries(m), "entry_bundles": entry_bundles(m),
            "payload_bundles": payload_bundles(m)}


def paths(m):
    rows = []
    for kind, level, number, width in (
            ("tile", 0, 0, 256), ("tile", 0, 0, 1), ("tile", 0, 273, 112), ("tile", 15, 455667, 256),
            ("tile", 63, 123456789, 41), ("tile", 1, 1234067, 255), ("entries", None, 5, 256), ("entries", None, 1, 1),
            ("payload", None, 1000, 7), ("entries", None, 999999, 256), ("entries", None, 1000000, 256),
            ("tile", 0, 2**56 - 1, 256)):
        span = m.v.span_path((number, width))
        prefix = {"tile": "tile/%s/" % level, "entries": "tile/entries/", "payload": "payload/"}[kind]
        rows.append({"path": prefix + span, "kind": kind, "level": level, "number": number, "width": width})
    for path, reason in (
            ("tile/0/0", "fewer than three digits"), ("tile/0/0000", "four digits"), ("tile/0/x000", "an x at the last"),
            ("tile/0/x000/001", "a leading group of zeros"), ("tile/0/001/067", "no x before the last"),
            ("tile/0/000.p/0", "an empty tile"), ("tile/0/000.p/256", "a full tile as a partial one"),
            ("tile/0/000.p/01", "a leading zero in the width"), ("tile/0/000.p/", "no width"),
            ("tile/0/000.p", "no width"), ("tile/0/000.p/1.p/1", "two widths"), ("tile/0/000/", "a slash at the end"),
            ("tile/64/000", "a level over 63"), ("tile/00/000", "a leading zero in the level"),
            ("tile/+1/000", "a sign"), ("tile/-1/000", "a sign"), ("tile//000", "no level"), ("tile/0/", "no number"),
            ("tile/entries/-01", "a sign"), ("tile/entries/+01", "a sign"), ("tile/entries/../001", "dots"),
            ("tile/entries/\u0661\u0661\u0661", "digits of another script"), ("payload/x1/000", "one digit in a group"),
            ("payload/X001/000", "a capital x"), ("payload/", "no number"), ("/tile/0/000", "a slash in front"),
            ("tile/entries/" + m.v.span_path((2**56, 256)), "its entries' indexes do not fit 64 bits"),
            ("tile/0/x099/x999/x999/x999/x999/x999/x999/999", "a number over 64 bits")):
        rows.append({"path": path, "reason": reason})
    return rows


def tiles():
    rows = [{"tile": (bytes([n]) * 32 * n).hex(), "hashes": n} for n in (1, 2)]
    rows.append({"tile": "ab" * 8192, "hashes": 256})
    for size, reason in ((0, "empty"), (31, "less than a hash"), (33, "not whole hashes")):
        rows.append({"tile": "ab" * size, "reason": reason})
    return rows


def entries(m):
    good = m.Ledger([m.event(0)]).entries[0]
    rows = [{"entry": good.hex()}]
    most = m.event(0, event_type="t" * 255, source="s" * 1024, event_id="i" * 255, subject="", producer="p" * 1024,
                   recorded_at=2**64 - 1, occurred_at=2**64 - 1, source_sequence=2**64 - 1)
    rows.append({"entry": m.Ledger([most]).entries[0].hex()})
    for name, least, limit in m.v.Entry.TEXTS:
        long = m.event(0, **{name: "x" * (limit + 1)})
        rows.append({"entry": m.Ledger([long]).entries[0].hex(), "reason": "%s of %d bytes" % (name, limit + 1)})
        if least:
            empty = m.event(0, **{name: ""})
            rows.append({"entry": m.Ledger([empty]).entries[0].hex(), "reason": "%s is empty" % name})
    at = m.v.Entry.HEAD.size
    for entry, reason in (
            (b"", "empty"), (b"\0" + good[1:], "version 0"), (b"\2" + good[1:], "version 2"),
            (good + b"\0", "a byte too many"), (good[:-1], "a byte too few"), (good[:at], "numbers without texts"),
            (good[:50], "half of the numbers"), (good[:at] + b"\xff" * 8 + good[at + 8:], "a length over the end"),
            (good[:at + 8] + b"\xff" + good[at + 9:], "not UTF-8")):
        rows.append({"entry": entry.hex(), "reason": reason})
    return rows


def entry_bundles(m):
    ledger = m.Ledger([m.event(n) for n in range(3)])
    bundle = b"".join(len(e).to_bytes(2, "big") + e for e in ledger.entries)
    rows = [{"bundle": bundle.hex(), "width": 3, "entries": [e.hex() for e in ledger.entries]}]
    for content, width, reason in (
            (bundle, 2, "more entries than the width"), (bundle, 4, "fewer entries than the width"),
            (bundle[:-1], 3, "a byte too few"), (bundle + b"\0", 3, "a byte too many"), (b"", 1, "empty")):
        rows.append({"bundle": content.hex(), "width": width, "reason": reason})
    return rows


def payload_bundles(m):
    body, note = ("body", "application/json", b"{}"), ("note", "text/plain", b"caf\xc3\xa9")
    salted = lambda *parts: [(bytes([n]) * 32,) + part for n, part in enumerate(parts)]  # noqa: E731
    two = m.encode_payload(salted(body, note))
    one = m.encode_payload(salted(body))
    rows = []
    for payloads in ([one], [two], [one, two, one], [m.withhold(two, "body")], [m.withhold(two, "note")],
                     [m.encode_payload(salted(("body", "", b"")))],
                     [m.encode_payload(salted(body, *[("p%d" % n, "t", b"") for n in range(31)]))],
                     [m.encode_payload(salted(("body", "c" * 255, b""), ("n" * 255, "", b"")))]):
        rows.append({"bundle": b"".join(payloads).hex(), "payloads": len(payloads),
                     "commitments": [m.commitment_of(payload).hex() for payload in payloads]})
    # A payload that was lost is kept as no part, and has no commitment of its own.
    for payloads in ([None], [one, None, one]):
        rows.append({"bundle": b"".join(payload or bytes(8) for payload in payloads).hex(), "payloads": len(payloads),
                     "commitments": [payload and m.commitment_of(payload).hex() for payload in payloads]})
    variant = one[:8] + (2).to_bytes(4, "little") + one[12:]
    for content, payloads, reason in (
            (b"", 1, "empty"), (one, 2, "fewer payloads than entries"), (one + two, 1, "more payloads than entries"),
            (one[:-1], 1, "a byte too few"), (one[:4], 1, "half a number of parts"),
            (bytes(8) + one, 1, "a lost payload and one more"),
            (m.encode_payload(salted(body, *[("p%d" % n, "t", b"") for n in range(32)])), 1, "33 parts"),
            (variant, 1, "a part that is neither withheld nor disclosed"),
            (m.encode_payload(salted(note)), 1, "the first part is not named body"),
            (m.encode_payload(salted(body, body)), 1, "two parts named body"),
            (m.encode_payload([bytes(32)] + salted(body)), 1, "a second part named body, the first withheld"),
            (m.encode_payload(salted(body, note, note)), 1, "two parts of one name"),
            (m.encode_payload(salted(body, ("", "t", b""))), 1, "a part without a name"),
            (m.encode_payload(salted(body, ("n" * 256, "t", b""))), 1, "a name of 256 bytes"),
            (m.encode_payload(salted(("body", "c" * 256, b""))), 1, "a content type of 256 bytes"),
            (one.replace(b"body", b"bod\xff"), 1, "not UTF-8"),
            (one[:-10] + b"\xff" * 8 + one[-2:], 1, "a content length over the end")):
        rows.append({"bundle": content.hex(), "payloads": payloads, "reason": reason})
    return rows
