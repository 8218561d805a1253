"""Compares the second verifier's own BLAKE3 with the hashes in a file, whole and as a stream.

    python3 blake3_lengths.py VERIFY_PY VECTORS_JSON
"""
import json
import sys

from cases import load


def official_input(length):
    """The input of BLAKE3's official test vectors."""
    period = bytes(range(251))
    return (period * (length // 251 + 1))[:length]


def streamed(verify, content, step):
    stream = verify.OwnBlake3Stream()
    for at in range(0, len(content), step):
        stream.update(content[at:at + step])
    return stream.digest().hex()


def main():
    verify = load(sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as file:
        given = json.load(file)
    vectors = given["vectors"]
    wrong = []
    for start in range(0, len(vectors), 500):
        some = vectors[start:start + 500]
        inputs = [official_input(length) for length, _, _ in some]
        plain = verify.own_blake3(inputs)
        derived = verify.own_derive_key(given["context"], inputs)
        for (length, *expected), *found in zip(some, plain, derived):
            if [hash.hex() for hash in found] != expected:
                wrong.append(length)
    for length, expected, _ in vectors[::97] + vectors[-15:]:
        for step in (1 << 20, 100_003):
            if streamed(verify, official_input(length), step) != expected:
                wrong.append("%d, as a stream by %d" % (length, step))
    json.dump({"compared": len(vectors), "wrong": wrong}, sys.stdout)


if __name__ == "__main__":
    main()
