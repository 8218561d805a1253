"""Lowers limits of the second verifier that a test can't reach, and looks whether reaching them shows.

    python3 limits.py VERIFY_PY DIRECTORY

What was otherwise than it should be is printed as a list in JSON.
"""
import json
import sys

from cases import load, run
from hostile import ALTERED, INCOMPLETE, VERIFIED, Packs, confirmed, load_maker


def main():
    sys.dont_write_bytecode = True
    verify, maker, wrong = load(sys.argv[1]), load_maker(), []
    packs = Packs(maker, sys.argv[2])

    def expect(what, pack, exit):
        found = run(verify, dict(pack, checkpoints=[], receipts=[]))["exit"]
        if found != exit:
            wrong.append("%s: %d, not %d" % (what, found, exit))

    def three_sources(name):
        events = [maker.event(n, source="s:%d" % (n % 3), source_sequence=n // 3 + 1) for n in range(6)]
        packs.add(name, maker.sealed(maker.pack_files(maker.Ledger(events))), None)
        return packs.made[-1]

    expect("three sources", three_sources("all counted"), VERIFIED)
    verify.SOURCES_MAX = maker.v.SOURCES_MAX = 2
    expect("one source too many", three_sources("one is not counted"), INCOMPLETE)
    confirmed(packs)
    known = packs.made[2]
    expect("all is confirmed", known, VERIFIED)
    verify.CONFIRMED_MAX = 1000
    expect("more than can be confirmed", known, ALTERED)
    verify.CONFIRMED_MAX, verify.FINDINGS_SHOWN_MAX = 1000, 20
    expect("more than is kept", known, ALTERED)
    json.dump(wrong, sys.stdout)


if __name__ == "__main__":
    main()
