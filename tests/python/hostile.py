"""Makes packs as somebody would who wants to be believed: well signed, and with a lie where a reader may not look.

    python3 hostile.py VERIFY_PY DIRECTORY

They are written into the directory; a list of {name, path, key, exit}, with the exit code that is right, is printed as
JSON. Everything is made by the signer and the pack writer of the vectors.
"""
import importlib.util
import json
import os
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

    def add(self, name, content, exit):
        path = os.path.join(self.directory, "%d.zip" % len(self.made))
        with open(path, "wb") as file:
            file.write(content)
        self.made.append({"name": name, "path": path, "key": self.m.vkey(), "exit": exit})

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


def main():
    sys.dont_write_bytecode = True
    packs = Packs(load_maker(), sys.argv[2])
    for make in (deflated_members,):
        make(packs)
    json.dump(packs.made, sys.stdout)


if __name__ == "__main__":
    main()
