// Entries and payloads: reading them strictly, as src/manual/formats.md has them.

import { Malformed, exact, hex, text } from './bytes.js';
import { counted, partHash, payloadHash } from './hashes.js';

class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  take(length) {
    if (this.at + length > this.bytes.length) throw new Malformed('a field ends beyond the last byte');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
  u32() {
    this.take(4);
    return this.view.getUint32(this.at - 4, true);
  }
  u64() {
    this.take(8);
    return this.view.getBigUint64(this.at - 8, true);
  }
  str(what, least, most) {
    const length = Number(this.u64());
    const bytes = this.take(length);
    if (length < least || length > most) throw new Malformed(`the ${what} has ${length} bytes, not ${least} to ${most}`);
    return text(bytes, `the ${what}`);
  }
}

/** The most bytes of an entry. */
const ENTRY_MAX = 65535;

/** Decodes an entry; throws `Malformed`. */
export function decodeEntry(bytes) {
  if (bytes.length > ENTRY_MAX) throw new Malformed('it is too long');
  const reader = new Reader(bytes);
  const version = reader.take(1)[0];
  if (version !== 1) throw new Malformed(`the entry has version ${version}, and this page reads version 1`);
  const entry = {
    index: exact(reader.u64()),
    recorded: reader.u64(),
    occurred: reader.u64(),
    sequence: reader.u64(),
    previous: reader.take(32),
    commitment: reader.take(32),
    type: reader.str('event type', 1, 255),
    source: reader.str('source', 1, 1024),
    eventId: reader.str('event id', 1, 255),
    subject: reader.str('subject', 0, 1024),
    producer: reader.str('producer', 1, 1024),
  };
  if (reader.at !== bytes.length) throw new Malformed(`${bytes.length - reader.at} bytes follow the last field`);
  return entry;
}

/** Decodes the payload at a place of a bundle: its parts with their commitments, and where it ends; throws `Malformed`. */
export function decodePayload(bundle, at) {
  const payload = splitPayload(bundle, at);
  for (const part of payload.parts) {
    if (!part.withheld) part.commitment = partHash(part.salt, counted(part.name), counted(part.contentType), part.content);
  }
  return payload;
}

/** As `decodePayload`, without computing commitments. */
export function splitPayload(bundle, at) {
  const reader = new Reader(bundle, at);
  const count = Number(reader.u64());
  if (count < 1 || count > 32) throw new Malformed(`a payload has 1 to 32 parts, not ${count}`);
  const parts = [];
  const names = new Set();
  let length = 0;
  for (let place = 0; place < count; place += 1) {
    const kind = reader.u32();
    if (kind > 1) throw new Malformed(`a part of the unknown kind ${kind}`);
    if (kind === 0) {
      parts.push({ withheld: true, commitment: reader.take(32) });
      continue;
    }
    const salt = reader.take(32);
    const name = reader.str("part's name", 1, 255);
    const contentType = reader.str("part's content type", 0, 255);
    const content = reader.take(Number(reader.u64()));
    if (place === 0 && name !== 'body') throw new Malformed(`the first part of a payload is named "body", not "${name}"`);
    if (names.has(name) || (place > 0 && name === 'body')) throw new Malformed(`two parts of the payload are named "${name}"`);
    names.add(name);
    length += content.length;
    parts.push({ withheld: false, salt, name, contentType, content });
  }
  if (length > 1 << 20) throw new Malformed(`the payload has ${length} bytes of content, over the limit of 1048576`);
  return { parts, end: reader.at };
}

/** What a bundle has in the place of a lost payload is the number 0; `null` where it has a payload. */
export function lostPayload(bundle, at) {
  const mark = bundle.subarray(at, at + 8);
  return mark.length === 8 && mark.every((byte) => byte === 0) ? { parts: [], end: at + 8 } : null;
}

export const payloadCommitment = (parts) => payloadHash(...parts.map((part) => part.commitment));

/** Splits an entry bundle into its entries, and says how many bytes are left. */
export function splitBundle(bundle) {
  const entries = [];
  let at = 0;
  while (entries.length < 512 && at + 2 <= bundle.length) {
    const end = at + 2 + (bundle[at] << 8) + bundle[at + 1];
    if (end > bundle.length) break;
    entries.push(bundle.subarray(at + 2, end));
    at = end;
  }
  return { entries, left: bundle.length - at };
}

/** Whether a part's content is JSON by its type. */
export function isJson(contentType) {
  const type = contentType.split(';')[0].trim();
  return type === 'application/json' || type.endsWith('+json');
}

/** A part's content as text, or in hexadecimal where it is none. */
export function contentText(part) {
  try {
    return text(part.content);
  } catch {
    return hex(part.content);
  }
}
