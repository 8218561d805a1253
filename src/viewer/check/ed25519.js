// Ed25519, strictly and in one way only: https://www.rfc-editor.org/rfc/rfc8032#section-5.1.7 without the cofactor. What the
// platform and most libraries accept beyond that, and differently from each other, is refused.

import { Point } from '@noble/ed25519';
import { sha512 } from '@noble/hashes/sha2.js';
import { same } from './bytes.js';

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

function littleEndian(bytes) {
  let number = 0n;
  for (let at = bytes.length - 1; at >= 0; at -= 1) number = (number << 8n) | BigInt(bytes[at]);
  return number;
}

/** Reads a point in its one spelling; `null` for any other, and for one of small order, under which signatures verify that nobody made. */
function point(bytes) {
  try {
    const read = Point.fromBytes(bytes);
    return read.isSmallOrder() || !same(read.toBytes(), bytes) ? null : read;
  } catch {
    return null;
  }
}

/** Whether these are the 32 bytes of a public key. */
export const isPublicKey = (bytes) => bytes.length === 32 && point(bytes) !== null;

/** Whether the key made the signature: S below the group's order, and S·B − k·A, encoded, is R to the byte. */
export function verifies(signature, message, publicKey) {
  if (signature.length !== 64) return false;
  const [r, s] = [signature.subarray(0, 32), littleEndian(signature.subarray(32))];
  const key = point(publicKey);
  if (s >= ORDER || key === null || point(r) === null) return false;
  const k = littleEndian(sha512.create().update(r).update(publicKey).update(message).digest()) % ORDER;
  return same(Point.BASE.multiply(s, false).subtract(key.multiply(k, false)).toBytes(), r);
}
