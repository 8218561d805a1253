// The hashes of the formats. SHA-256 is the tree's; all others are BLAKE3 in derive_key mode.

import { blake3 } from '@noble/hashes/blake3.js';
import { sha256 } from '@noble/hashes/sha2.js';
import * as short from './blake3.js';
import { utf8 } from './bytes.js';

/** A hash for one purpose: short inputs by our own code, long ones by @noble/hashes. */
function purpose(context) {
  const name = utf8(context);
  const noble = blake3.create({ context: name });
  short.input.set(name);
  const key = new Uint32Array(short.hashChunk(name.length, null, short.DERIVE_KEY_CONTEXT).buffer);
  return (...pieces) => {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (length > short.CHUNK || !short.fits) return pieces.reduce((hasher, piece) => hasher.update(piece), noble.clone()).digest();
    let at = 0;
    for (const piece of pieces) {
      short.input.set(piece, at);
      at += piece.length;
    }
    return short.hashChunk(length, key, short.DERIVE_KEY_MATERIAL);
  };
}

export const genesisHash = purpose('exhibit 2026-11-22 chain genesis v1');
export const chainHash = purpose('exhibit 2026-11-22 entry chain v1');
export const partHash = purpose('exhibit 2026-11-22 payload part v1');
export const payloadHash = purpose('exhibit 2026-11-22 payload v1');
export const fileHasher = () => (short.fits ? new short.Hasher() : blake3.create({}));
export const fileHash = (bytes) => fileHasher().update(bytes).digest();
export { sha256 };

/** Names and content types that were asked for before: there are few, and they come all the time. */
const known = new Map();

/** `str(x)` of the formats in front of the text: its length as a little-endian u64. */
export function counted(text) {
  const before = known.get(text);
  if (before) return before;
  const bytes = utf8(text);
  const out = new Uint8Array(8 + bytes.length);
  new DataView(out.buffer).setBigUint64(0, BigInt(bytes.length), true);
  out.set(bytes, 8);
  if (known.size < 1000) known.set(text, out);
  return out;
}

export function leafHash(entry) {
  const input = new Uint8Array(1 + entry.length);
  input.set(entry, 1);
  return sha256(input);
}

const pair = new Uint8Array(65);
pair[0] = 1;
export function nodeHash(left, right) {
  pair.set(left, 1);
  pair.set(right, 33);
  return sha256(pair);
}
