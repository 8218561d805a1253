// The page's own hashing, decoding and checking against tests/vectors/ledger-v1.json: `node vectors.mjs`.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { blake3 } from '../../src/viewer/node_modules/@noble/hashes/blake3.js';
import { fromHex, hex, toBase64, utf8 } from '../../src/viewer/check/bytes.js';
import { decodeEntry, decodePayload, payloadCommitment } from '../../src/viewer/check/entry.js';
import { chainHash, fileHash, fileHasher, genesisHash, leafHash, partHash } from '../../src/viewer/check/hashes.js';
import { checkSignature, parseCheckpoint, parseKey } from '../../src/viewer/check/note.js';
import { Frontier } from '../../src/viewer/check/tree.js';

const vectors = JSON.parse(readFileSync(new URL('../vectors/ledger-v1.json', import.meta.url), 'utf8'));

assert.equal(hex(genesisHash(utf8(vectors.origin))), vectors.genesis);
for (const one of vectors.entries) {
  const bytes = fromHex(one.entry);
  const entry = decodeEntry(bytes);
  assert.equal(entry.index, one.index);
  assert.equal(hex(entry.commitment), one.commitment);
  assert.deepEqual([entry.type, entry.source, entry.eventId, entry.subject, entry.producer], [one.event_type, one.source, one.event_id, one.subject, one.producer]);
  assert.equal(hex(leafHash(bytes)), one.leaf_hash);
  assert.equal(hex(chainHash(bytes)), one.chain_hash);
  for (let end = 0; end < bytes.length; end += 1) assert.throws(() => decodeEntry(bytes.subarray(0, end)));
}
const payload = fromHex(vectors.payload_of_entry_10_with_actor_withheld);
const { parts, end } = decodePayload(payload, 0);
assert.equal(end, payload.length);
assert.equal(hex(payloadCommitment(parts)), vectors.entries.find(({ index }) => index === 10).commitment);
for (const { why, entry } of vectors.must_reject) assert.throws(() => decodeEntry(fromHex(entry)), why);

// Our own BLAKE3 of short inputs against @noble/hashes, over every length, in pieces, and beyond where it ends.
const material = Uint8Array.from({ length: 3000 }, (_, at) => (at * 7 + (at >> 5)) % 251);
const context = utf8('exhibit 2026-11-22 payload part v1');
for (let length = 0; length <= 1100; length += 1) {
  const bytes = material.subarray(length, 2 * length);
  const cut = length >> 1;
  assert.equal(hex(partHash(bytes.subarray(0, cut), bytes.subarray(cut))), hex(blake3(bytes, { context })), `${length} bytes`);
}

// And of files, around every length at which its tree changes, in pieces of all sizes.
const file = Uint8Array.from({ length: 70_000 }, (_, at) => (at * 11 + (at >> 7)) % 253);
for (const chunks of [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 68]) {
  for (const length of [1024 * chunks - 1, 1024 * chunks, 1024 * chunks + 1, 1024 * chunks + 65].filter((length) => length >= 0)) {
    const bytes = file.subarray(0, length);
    assert.equal(hex(fileHash(bytes)), hex(blake3(bytes)), `${length} bytes`);
    const hasher = fileHasher();
    for (let at = 0, size = 1; at < length; at += size, size = (size * 5) % 4099) hasher.update(bytes.subarray(at, at + size));
    assert.equal(hex(hasher.digest()), hex(blake3(bytes)), `${length} bytes in pieces`);
  }
}

const key = parseKey(vectors.log_vkey);
let flipped = 0;
for (const note of Object.values(vectors.checkpoints)) {
  const bytes = utf8(note);
  const checkpoint = parseCheckpoint(bytes);
  assert.equal(checkSignature(checkpoint, key), null);
  assert.equal(hex(checkpoint.root), vectors.roots[checkpoint.size]);
  for (let at = 0; at < bytes.length; at += 1) {
    const other = bytes.slice();
    other[at] ^= 1;
    try {
      assert.notEqual(checkSignature(parseCheckpoint(other), key), null, `byte ${at}`);
    } catch (error) {
      if (error.code === 'ERR_ASSERTION') throw error;
    }
    flipped += 1;
  }
}
assert.equal(hex(new Frontier().root()), vectors.roots['0']);
assert.throws(() => parseKey(vectors.log_vkey.replace('+5', '+6')));
assert.throws(() => parseKey(vectors.log_vkey.slice(0, -1)));
assert.equal(toBase64(fromHex('00ff')), 'AP8=');
await import('./vectors/signatures.mjs');
await import('./vectors/packs.mjs');
console.log(`${vectors.entries.length} entries, ${Object.keys(vectors.checkpoints).length} checkpoints, ${flipped} flipped bits`);
