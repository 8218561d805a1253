// The hashes of the formats. SHA-256 is the tree's; all others are BLAKE3 in derive_key mode.

import { blake3 } from '@noble/hashes/blake3.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8 } from './bytes.js';

/** A hasher for one purpose, made ready once: the context takes two more compressions. */
function purpose(context) {
  const ready = blake3.create({ context: utf8(context) });
  // One hasher is begun again and again: a fresh one each time is a fifth of all the work.
  let hasher = ready.clone();
  return (...pieces) => {
    hasher = ready._cloneInto(hasher);
    for (const piece of pieces) hasher.update(piece);
    return hasher.digest();
  };
}

export const genesisHash = purpose('exhibit 2026-11-22 chain genesis v1');
export const chainHash = purpose('exhibit 2026-11-22 entry chain v1');
export const partHash = purpose('exhibit 2026-11-22 payload part v1');
export const payloadHash = purpose('exhibit 2026-11-22 payload v1');
export const fileHash = (bytes) => blake3(bytes);
export const fileHasher = () => blake3.create({});
export { sha256 };

/** Names and content types that were asked for before: there are few, and they come all the time. */
const short = new Map();

/** `str(x)` of the formats in front of the text: its length as a little-endian u64. */
export function counted(text) {
  const known = short.get(text);
  if (known) return known;
  const bytes = utf8(text);
  const out = new Uint8Array(8 + bytes.length);
  new DataView(out.buffer).setBigUint64(0, BigInt(bytes.length), true);
  out.set(bytes, 8);
  if (short.size < 1000) short.set(text, out);
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
