// Bytes, text and numbers. Nothing here knows what an entry is.

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** What is wrong with bytes, in words for a person. */
export class Malformed extends Error {}

export const utf8 = (text) => encoder.encode(text);

/** Decodes UTF-8; throws `Malformed` on anything else. */
export function text(bytes, what = 'the text') {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw new Malformed(`${what} is not UTF-8`);
  }
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
export function hex(bytes) {
  let out = '';
  for (const byte of bytes) out += HEX[byte];
  return out;
}

export function fromHex(digits) {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Base64 with padding, in its one spelling. */
export function fromBase64(digits) {
  let bytes;
  try {
    bytes = Uint8Array.fromBase64
      ? Uint8Array.fromBase64(digits, { lastChunkHandling: 'strict' })
      : Uint8Array.from(atob(digits), (char) => char.charCodeAt(0));
  } catch {
    throw new Malformed('not base64');
  }
  const last = bytes.subarray(bytes.length - (bytes.length % 3));
  const spelt = digits.length === Math.ceil(bytes.length / 3) * 4 && digits.endsWith(toBase64(last));
  if (!spelt || /\s/.test(digits)) throw new Malformed('not base64 in its one form');
  return bytes;
}

export function toBase64(bytes) {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

export function same(a, b) {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

/** The `number`th hash of hashes that stand one after the other. */
export const hashAt = (hashes, number) => hashes.subarray(number * 32, number * 32 + 32);

/** Nanoseconds since 1970 as RFC 3339 with nine digits, the way the ledger writes them. */
export function rfc3339(nanos) {
  const seconds = new Date(Number(nanos / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(nanos % 1_000_000_000n).padStart(9, '0')}Z`;
}

/** A decimal number without sign or leading zeros, up to 2^53; `null` for any other text. */
export function decimal(digits) {
  const number = /^(0|[1-9][0-9]*)$/.test(digits) ? Number(digits) : NaN;
  return Number.isSafeInteger(number) ? number : null;
}

/** A whole number as a number where that is exact, and as a BigInt beyond: either compares with the other, `===` included. */
export const exact = (big) => (big <= Number.MAX_SAFE_INTEGER ? Number(big) : big);

/** The next whole number; there is none behind the last of 64 bits. */
export const after = (number) => (number < Number.MAX_SAFE_INTEGER ? number + 1 : exact(BigInt(number) + (number === 2n ** 64n - 1n ? 0n : 1n)));

/** As `decimal`, up to 2^64, and `exact`. */
export function integer(digits) {
  const big = /^(0|[1-9][0-9]{0,19})$/.test(digits) ? BigInt(digits) : 2n ** 64n;
  return big < 2n ** 64n ? exact(big) : null;
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});
/** CRC-32, of what follows bytes with the CRC `before` as well. */
export function crc32(bytes, before = 0) {
  let crc = before ^ 0xffffffff;
  for (let at = 0; at < bytes.length; at += 1) crc = CRC[(crc ^ bytes[at]) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** The packed bytes of a file, base64 in this page or a piece of a chosen file: in one piece unless they are many. */
async function packed({ base64, blob }) {
  if (base64 === undefined && blob.size > 1 << 22) return blob.stream();
  const bytes = base64 === undefined ? new Uint8Array(await blob.arrayBuffer()) : fromBase64(base64);
  return new ReadableStream({
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
}

async function* read(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Inflates packed bytes, all of them and nothing behind their last block; throws `Malformed`. */
async function* inflated(stream) {
  try {
    yield* read(stream.pipeThrough(new DecompressionStream('deflate-raw')));
  } catch {
    throw new Malformed('it does not inflate, from its first byte to its last');
  }
}

/** The content of a file of the pack, in pieces; throws `Malformed`. */
export async function* pieces(file) {
  if (file.problem) throw new Malformed(file.problem);
  const stream = await packed(file);
  let [length, crc] = [0, 0];
  for await (const piece of file.encoding === 'deflate-raw' ? inflated(stream) : read(stream)) {
    length += piece.length;
    if (file.length !== undefined) crc = crc32(piece, crc);
    yield piece;
  }
  if (file.length !== undefined && (length !== file.length || crc !== file.crc)) {
    throw new Malformed("its length or checksum is not the one in the zip's directory");
  }
}

/** Reads a file of the pack, and stops at `limit` bytes: a few packed bytes can stand for a great many. */
export async function load(file, limit) {
  if (!file) return null;
  // Deflate makes nothing longer by more than this, so what is longer was not made by it.
  const packedMost = limit + Math.floor(limit / 100) + 1024;
  if (file.length > limit || (file.length !== undefined && file.blob.size > packedMost)) throw new Malformed(`it has over ${limit} bytes, the limit`);
  const parts = [];
  let length = 0;
  for await (const piece of pieces(file)) {
    length += piece.length;
    if (length > limit) throw new Malformed(`it has over ${limit} bytes, the limit`);
    parts.push(piece);
  }
  if (parts.length === 1) return parts[0];
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The most bytes of each kind of file. */
export const LIMITS = {
  text: 1 << 20,
  manifest: 16 << 20,
  tile: 8192,
  entries: 256 * (65535 + 2),
  payload: 256 * (8 + 1048576 + 32 * (4 + 32 + 24 + 510)),
};
