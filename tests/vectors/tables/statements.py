"""Texts that somebody else may have written: witness policies, witness requests, confirmed breaks, key histories."""

NAME = "statements.json"


def make(m):
    return {"about": "Texts, or bytes in hexadecimal. Where there is a reason, it must be refused.",
            "policies": policies(m), "requests": requests(m), "breaks": breaks(m), "histories": histories(m)}


def row(name, content, **more):
    """A row of a text, or of bytes that are none."""
    if isinstance(content, bytes):
        return dict({name + "_hex": content.hex()}, **more)
    return dict({name: content}, **more)


# Policies ------------------------------------------------------------------------------------------------------------

def policies(m):
    log = m.vkey()
    a, b, c = (m.vkey_of("%s.example.com" % name, b"\x04" + m.public(bytes([seed]) * 32))
               for name, seed in (("a", 1), ("b", 2), ("c", 3)))
    again = m.vkey_of("z.example.com", b"\x04" + m.public(bytes([1]) * 32))
    two = "witness a %s\nwitness b %s\n" % (a, b)
    three = two + "witness c %s\n" % c
    rows = []
    for text, witnesses, needs in (
            ("quorum none\n", 0, False), ("quorum none", 0, False), ("# a comment\n\n \t\nquorum none\n", 0, False),
            ("log %s\n%squorum a\n" % (log, two), 2, True), (two + "group g all a b\nquorum g", 2, True),
            ("log %s https://log.example.com/\nwitness a %s http://a.example.com\nquorum a" % (log, a), 1, True),
            (three + "group g 1 a b\ngroup h any g c\nquorum h\n", 3, True), (two.replace(" ", " \t ") + "quorum b", 2, True),
            (("witness caf\u00e9 %s\nquorum caf\u00e9" % a), 1, True), (b"# \xff\nquorum none\n", 0, False)):
        rows.append(row("policy", text, witnesses=witnesses, needs_witnesses=needs))
    for text, reason in (
            ("", "no quorum"), (two, "no quorum"), ("quorum none\nquorum none\n", "two quorums"),
            ("quorum a\n", "a name that nothing has"), ("quorum a\nwitness a %s\n" % a, "a name used before its line"),
            ("Quorum none\n", "a word in capitals"), ("quorum\n", "a word too few"), ("quorum none none\n", "a word too many"),
            ("quorum none # nobody\n", "a comment that is no line"), ("quorum none\r\n", "a carriage return"),
            ("quorum none\0", "a control character"), ("quorum none\x7f", "a control character"),
            ("policy 1\nquorum none\n", "no such statement"), ("log %s ftp://x\nquorum none\n" % log, "no URL"),
            ("log\nquorum none\n", "a log without a key"), ("log %s\nlog %s\nquorum none\n" % (log, log), "one log twice"),
            ("log %s\nquorum none\n" % a, "a cosigner's key for a log's"), ("log %s\nquorum none\n" % log[1:], "a mistyped key"),
            ("witness a %s\nquorum a\n" % log, "a key that does not cosign"),
            ("witness none %s\nquorum none\n" % a, "a witness named none"),
            ("witness a %s\nwitness a %s\nquorum a\n" % (a, b), "a name twice"),
            ("witness a %s\nwitness b %s\nquorum a\n" % (a, a), "a key twice"),
            ("witness a %s\nwitness z %s\nquorum a\n" % (a, again), "one public key under two names"),
            ("witness a\u00a0%s\nquorum a\n" % a, "a space that separates nothing"),
            (two + "group g any\nquorum g\n", "a group of nobody"), (two + "group g 0 a b\nquorum g\n", "none of two"),
            (two + "group g 3 a b\nquorum g\n", "three of two"), (two + "group g 02 a b\nquorum g\n", "a leading zero"),
            (two + "group g +1 a b\nquorum g\n", "a sign"), (two + "group g most a b\nquorum g\n", "no number"),
            (two + "group g any c\nquorum g\n", "a member that nothing is"), (two + "group g any g\nquorum g\n", "a group in itself"),
            (two + "group g any a a\nquorum g\n", "a member twice"),
            (two + "group g any a\ngroup h any a\nquorum h\n", "a member of two groups"),
            (two + "group a any b\nquorum a\n", "a group named as a witness"),
            (b"witness a \xff\nquorum a\n", "a key that is not UTF-8")):
        rows.append(row("policy", text, reason=reason))
    return rows


# Requests to a witness -----------------------------------------------------------------------------------------------

def requests(m):
    ledger = m.Ledger([m.event(n) for n in range(5)])
    note, hashes = ledger.checkpoint(), [m.B64(bytes([n]) * 32) for n in range(64)]
    request = lambda old, proof, note=note: "old %s\n%s\n%s" % (old, "".join(h + "\n" for h in proof), note)  # noqa: E731
    rows = [row("request", request(old, hashes[:count]), old=old, hashes=count, size=5)
            for old, count in ((0, 0), (3, 2), (5, 0), (2**64 - 1, 63))]
    good = request(3, hashes[:2])
    loose = hashes[0][:-2] + "B="
    for text, reason in (
            ("", "empty"), (good.encode().replace(b"old", b"\xffld"), "not UTF-8"), ("old 3\n" + note, "no blank line"),
            (note, "a checkpoint alone"), (good.replace("old 3", "old 03"), "a leading zero"),
            (good.replace("old 3", "old -3"), "a sign"), (good.replace("old 3", "old +3"), "a sign"),
            (good.replace("old 3", "old"), "no size"), (good.replace("old 3", "Old 3"), "a capital"),
            (good.replace("old 3", "old  3"), "two spaces"), (good.replace("old 3", "old 3 "), "a space at the end"),
            (good.replace("old 3", "old %d" % 2**64), "a size over 64 bits"), (good.replace("\n", "\r\n"), "carriage returns"),
            (request(3, ["AAAA"]), "a hash of 3 bytes"), (request(3, [m.B64(bytes(33))]), "a hash of 33 bytes"),
            (request(3, [hashes[0].rstrip("=")]), "base64 without its end"), (request(3, [loose]), "bits that no byte has"),
            (request(3, [hashes[0] + " "]), "a space behind a hash"), (request(3, ["!" * 44]), "no base64"),
            (request(3, hashes), "64 hashes"), (request(3, hashes[:2], note.replace("\n5\n", "\n05\n")), "a size of another form"),
            (request(3, hashes[:2], note.split("\n\n")[0] + "\n\n"), "no signature"), (good + "\n", "a line too many"),
            (good[:-1], "the last line does not end"), ("\n" + good, "a line in front")):
        rows.append(row("request", text, reason=reason))
    return rows


# Confirmed breaks ----------------------------------------------------------------------------------------------------

LOST = ('{"kind":"payload_missing","index":1,"expected":"%s","found":"a payload that was lost"}' % ("0a" * 32))
ALTERED = '{"kind":"payload_altered","index":0,"expected":"%s","found":"%s"}' % ("0a" * 32, "0b" * 32)
CLOCK = '{"kind":"clock_backwards","index":18446744073709551615,"expected":"a","found":"b"}'
TWICE = '{"kind":"duplicate_event","index":2,"expected":"a","found":"entry 2"}'
GAP = '{"kind":"sequence_gap","index":null,"expected":"numbers 1 to 2 of a","found":"none of them"}'


def body(*findings, what="sector lost", why="disk replaced"):
    return '{"findings":[%s],"what":"%s","why":"%s"}' % (",".join(findings), what, why)


def breaks(m):
    rows = []
    for text, findings in ((body(LOST), 1), (body(LOST, ALTERED, CLOCK, TWICE, GAP), 5),
                           (body(GAP, what="caf\u00e9 \\\"x\\\" \\u0001 \\n /", why=" "), 1)):
        rows.append(row("body", text, findings=findings))
    good = body(LOST)
    for text, reason in (
            ("", "empty"), ("[]", "no object"), (body(), "no finding"), (body(*[GAP] * 1001), "1,001 findings"),
            (good + "\n", "a byte too many"), (" " + good, "white space"), (good.replace(":1,", ": 1,"), "white space"),
            ("\ufeff" + good, "a byte order mark"), (good.encode().replace(b"sector", b"\xff"), "not UTF-8"),
            (body(LOST, what=""), "nothing happened"), (body(LOST, why=""), "no reason"),
            (good.replace(',"why":"disk replaced"', ""), "no reason"), (good[:-1] + ',"by":"Ada"}', "a member too many"),
            (good[:-1] + ',"why":"again"}', "a member twice"),
            ('{"what":"a","findings":[%s],"why":"b"}' % LOST, "members in another order"),
            (body(LOST.replace('"index":1,', "") .replace('"kind"', '"index":1,"kind"')), "members in another order"),
            (body(LOST, what="\\u0041"), "an escape that need not be"), (body(LOST, what="a\\/b"), "an escape that need not be"),
            (body(LOST, what="\\ud800"), "half a surrogate pair"), (body(LOST, what="\\u001F"), "an escape in capitals"),
            (good.replace(":1,", ":1.0,"), "an index that is no integer"), (good.replace(":1,", ":-1,"), "a negative index"),
            (good.replace(":1,", ":18446744073709551616,"), "an index over 64 bits"), (good.replace(":1,", ':"1",'), "an index in quotes"),
            (good.replace(":1,", ":null,"), "a payload without an entry"), (body(GAP.replace("null", "1")), "a gap with an entry"),
            (body(CLOCK.replace("18446744073709551615", "null")), "a clock without an entry"),
            (good.replace("payload_missing", "payload_malformed"), "what can never be confirmed"),
            (good.replace("payload_missing", "root_mismatch"), "what can never be confirmed"),
            (good.replace("payload_missing", "lost"), "no kind"), (good.replace("0a0a", "0A0A"), "a hash in capitals"),
            (good.replace("0a" * 32, "0a" * 31), "a hash of 31 bytes"),
            (good.replace("a payload that was lost", "nothing"), "found otherwise than a verification says"),
            (body(ALTERED.replace("0b" * 32, "another")), "found no hash"), (body(LOST.replace('"index":1', '"index":1,"place":"x"')), "a member too many"),
            (body("null"), "a finding that is none")):
        rows.append(row("body", text, reason=reason))
    return rows


# Histories of keys ---------------------------------------------------------------------------------------------------

def histories(m):
    seeds = {name: bytes([number]) * 32 for number, name in enumerate("ABCD", 1)}
    key = {name: m.vkey(seed=seed) for name, seed in seeds.items()}

    def statement(number, previous, change, size, signers, **other):
        at = dict({"origin": m.ORIGIN, "number": number, "previous": previous, "size": size, "root": m.B64(bytes([size]) * 32),
                   "time": m.NOW + size, "reason": "as planned", "end": ""}, **other)
        text = ("exhibit key statement v1\norigin {origin}\nnumber {number}\nprevious {previous}\n" + change
                + "size {size}\nroot {root}\ntime {time}\nreason {reason}\n{end}").format(**at)
        note = text + "\n" + "".join(m.signature_line(m.ORIGIN, seeds[name], text) for name in signers)
        return note, m.v.own_blake3([text.encode()])[0].hex()

    rotated = lambda old, new: "rotated %s\nto %s\n" % (key[old], key[new])  # noqa: E731
    retired = lambda old: "retired %s\n" % key[old]  # noqa: E731
    compromised = lambda old, size: "compromised %s\nfrom %s\n" % (key[old], size)  # noqa: E731
    one, first = statement(1, "none", rotated("A", "B"), 10, "AB")
    two, second = statement(2, first, retired("A"), 20, "B")
    three, third = statement(3, second, rotated("B", "C"), 30, "BC")
    four, _ = statement(4, third, compromised("B", 25), 40, "C")
    gone, _ = statement(2, first, compromised("A", 10), 20, "B")
    rows = [row("history", "\n".join(notes), statements=len(notes))
            for notes in ([], [one], [one, two], [one, gone], [one, two, three], [one, two, three, four])]

    def alone(why, change=rotated("A", "B"), number=1, previous="none", size=10, signers="AB", **other):
        return statement(number, previous, change, size, signers, **other)[0], why

    def after(why, change=retired("A"), number=2, previous=first, size=20, signers="B", **other):
        return "\n".join([one, statement(number, previous, change, size, signers, **other)[0]]), why

    for text, reason in (
            alone("the new key did not sign", signers="A"), alone("the old key did not sign", signers="B"),
            alone("the signatures are in another order", signers="BA"), alone("a stranger signed too", signers="ABD"),
            alone("a stranger signed", signers="AD"), alone("it is not the first", number=2), alone("a leading zero", number="01"),
            alone("nothing is before it", previous=first), alone("the one before it is no hash", previous="no"),
            alone("a reason of no byte", reason=""), alone("a reason of 1,001 bytes", reason="x" * 1001),
            alone("a line too many", end="note x\n"), alone("a root of 31 bytes", root=m.B64(bytes(31))),
            alone("no root", root="x"), alone("a size with a sign", size=10, root=m.B64(bytes(32)), time="+1"),
            alone("a key of another ledger", origin="other.example.com"), alone("a key in its own place", change=rotated("A", "A")),
            alone("there is nothing to retire", change=retired("A"), signers="A"),
            alone("no such change", change="lent %s\n" % key["A"]), alone("no key", change="rotated x\nto %s\n" % key["B"]),
            after("the size does not grow", size=10), after("the number is the same", number=1),
            after("a number is left out", number=3), after("it names another before it", previous=second),
            after("it names none before it", previous="none"), after("the own key can't be retired", change=retired("B")),
            after("an unknown key", change=retired("D")), after("the retired key signed itself", signers="A"),
            after("compromised beyond the statement", change=compromised("A", 21)),
            after("a rotation while two keys sign", change=rotated("B", "C"), signers="BC"),
            after("a rotation from a key that is not its own", change=rotated("A", "C"), signers="AC"),
            ("\n".join([one, two, statement(3, second, rotated("B", "A"), 30, "BA")[0]]), "back to a key that was there"),
            ("\n".join([one, two, statement(3, second, retired("A"), 30, "B")[0]]), "retired twice"),
            ("\n".join([two, one]), "in another order"), (two, "without the first"), ("\n".join([one, one]), "one twice"),
            (one + "\n", "an empty line at the end"), (one[:-1], "the last line does not end"), (one + two, "no line between"),
            (one.replace("\n", "\r\n"), "carriage returns"), (one.replace("statement v1", "statement v2"), "another version"),
            (one.replace("size 10\n", "size 11\n"), "another size than was signed"),
            (one.replace("as planned", "as  planned"), "another reason than was signed"),
            (one.encode().replace(b"as planned", b"as \xff"), "not UTF-8"), (m.checkpoint(5, bytes(32)), "a checkpoint")):
        rows.append(row("history", text, reason=reason))
    return rows
