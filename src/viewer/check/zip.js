// A pack as its zip file, read strictly: every header must be the one that src/pack/container.rs would write.
// What differs is a finding, and whatever can still be read is read.

import { Malformed, same, utf8 } from './bytes.js';
import { finding } from './findings.js';

const OVER_32 = 0xffffffff;
const OVER_16 = 0xffff;
const END = 22;
const END_64 = 76;
/** The most bytes of a central directory that this page reads. */
const DIRECTORY_MAX = 1 << 28;

/** Writes numbers little-endian, one after the other: `[width, value]` each. */
function bytes(...fields) {
  const out = new Uint8Array(fields.reduce((sum, [width]) => sum + width, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 2) view.setUint16(at, value, true);
    else if (width === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += width;
  }
  return out;
}

const concat = (...pieces) => new Uint8Array(pieces.flatMap((piece) => [...piece]));
const zip64 = (numbers) => (numbers.length === 0 ? new Uint8Array() : concat(bytes([2, 1], [2, numbers.length * 8]), bytes(...numbers.map((n) => [8, n]))));

function headers({ path, method, crc, packed, length, offset }) {
  const name = utf8(path);
  const large = Math.max(packed, length) >= OVER_32;
  const sizes = large ? [OVER_32, OVER_32] : [packed, length];
  const common = (extra) => bytes([2, extra.length === 0 ? 20 : 45], [2, 0], [2, method], [2, 0], [2, 0x21], [4, crc], [4, sizes[0]], [4, sizes[1]], [2, name.length], [2, extra.length]);
  const localExtra = zip64(large ? [length, packed] : []);
  const extra = zip64([...(large ? [length, packed] : []), ...(offset >= OVER_32 ? [offset] : [])]);
  return {
    local: concat(bytes([4, 0x04034b50]), common(localExtra), name, localExtra),
    central: concat(bytes([4, 0x02014b50], [2, 0x032d]), common(extra), bytes([2, 0], [2, 0], [2, 0], [4, 0x81a40000], [4, Math.min(offset, OVER_32)]), name, extra),
  };
}

function endRecords(members, offset, length) {
  const large = members >= OVER_16 || offset >= OVER_32 || length >= OVER_32;
  const wide = large
    ? bytes([4, 0x06064b50], [8, 44], [2, 0x032d], [2, 45], [4, 0], [4, 0], [8, members], [8, members], [8, length], [8, offset], [4, 0x07064b50], [4, 0], [8, offset + length], [4, 1])
    : new Uint8Array();
  const [few, short, near] = [Math.min(members, OVER_16), Math.min(length, OVER_32), Math.min(offset, OVER_32)];
  return concat(wide, bytes([4, 0x06054b50], [2, 0], [2, 0], [2, few], [2, few], [4, short], [4, near], [2, 0]));
}

const read = async (blob, from, length) => new Uint8Array(await blob.slice(from, from + length).arrayBuffer());
const viewOf = (array) => new DataView(array.buffer, array.byteOffset, array.byteLength);

/** Opens a zipped pack; throws `Malformed` where it is no zip that can be read at all. */
export async function openZip(blob) {
  const problems = [];
  const damaged = (place, found) => {
    const expected = 'the zip as it was written; if another program packed it, unpack it and open the directory';
    if (problems.length < 100) problems.push(finding('container_damaged', null, expected, found, place));
  };
  const files = new Map();
  const end = await endOf(blob, damaged);
  if (!end) {
    const start = await read(blob, 0, 4);
    if (!same(start, utf8('PK\u0003\u0004'))) throw new Malformed('this is no pack: it is not a zip file');
    damaged('end of the zip', 'it has no end record; it was cut short or damaged');
    return { files, problems, containerEnd: null };
  }
  const directory = await read(blob, end.offset, end.length);
  let at = 0;
  let next = 0;
  let containerEnd = null;
  // Local headers are compared from pieces of the file, so that 100,000 members are not 100,000 reads.
  const window = new Window(blob);
  for (let number = 0; number < end.members; number += 1) {
    const member = centralAt(directory, at);
    if (!member) {
      damaged('directory of the zip', `the directory ends within its member number ${number}`);
      return { files, problems, containerEnd };
    }
    const { local, central } = headers(member);
    const there = await window.read(member.offset, local.length);
    if (!same(there, local) || !same(central, directory.subarray(at, at + member.bytes))) damaged(member.path, 'its header is not that of a pack as it was written');
    if (member.path === 'manifest.json' && member.method !== 0) damaged(member.path, 'it is deflated, and no digest is of its bytes: a manifest is stored');
    if (member.offset !== next) damaged(member.path, `it stands at byte ${member.offset}, not ${next}`);
    if (files.has(member.path)) damaged(member.path, 'it is there twice');
    const from = member.offset + local.length;
    next = from + member.packed;
    at += member.bytes;
    if (member.path === 'manifest.json') containerEnd = member.offset;
    files.set(member.path, {
      blob: blob.slice(from, next),
      encoding: member.method === 8 ? 'deflate-raw' : 'none',
      length: member.length,
      crc: member.crc,
      problem: next > blob.size ? 'it goes beyond the end of the zip' : undefined,
    });
  }
  if (next !== end.offset || at !== directory.length) damaged('directory of the zip', 'there are bytes that no member accounts for');
  return { files, problems, containerEnd };
}

class Window {
  #blob;
  #from = 0;
  #bytes = new Uint8Array();
  constructor(blob) {
    this.#blob = blob;
  }
  async read(from, length) {
    if (from < this.#from || from + length > this.#from + this.#bytes.length) {
      this.#from = from;
      this.#bytes = await read(this.#blob, from, 1 << 20);
    }
    return this.#bytes.subarray(from - this.#from, from - this.#from + length);
  }
}

async function endOf(blob, damaged) {
  const tail = await read(blob, Math.max(0, blob.size - END - END_64), END + END_64);
  const view = viewOf(tail);
  const at = tail.length - END;
  if (at < 0 || view.getUint32(at, true) !== 0x06054b50) return null;
  let end = { members: view.getUint16(at + 10, true), length: view.getUint32(at + 12, true), offset: view.getUint32(at + 16, true) };
  if (at === END_64 && view.getUint32(0, true) === 0x06064b50) {
    const wide = (from) => Number(view.getBigUint64(from, true));
    end = { members: wide(32), length: wide(40), offset: wide(48) };
  }
  const records = endRecords(end.members, end.offset, end.length);
  const fits = end.offset + end.length + records.length === blob.size;
  if (!fits || !same(tail.subarray(tail.length - records.length), records)) damaged('end of the zip', 'its end record is not that of a pack as it was written');
  return end.offset + end.length <= blob.size && end.length <= DIRECTORY_MAX ? end : null;
}

/** One line of the central directory; `null` where it is none. */
function centralAt(directory, at) {
  if (at + 46 > directory.length) return null;
  const view = viewOf(directory.subarray(at));
  const [name, extra, comment] = [28, 30, 32].map((place) => view.getUint16(place, true));
  const size = 46 + name + extra + comment;
  const method = view.getUint16(10, true);
  if (view.getUint32(0, true) !== 0x02014b50 || at + size > directory.length || (method !== 0 && method !== 8)) return null;
  // The fields that are all ones stand in the extra field, in this order.
  let wide = 46 + name + 4;
  const field = (place) => {
    const value = view.getUint32(place, true);
    if (value !== OVER_32 || wide + 8 > 46 + name + extra) return value;
    wide += 8;
    return Number(view.getBigUint64(wide - 8, true));
  };
  const [length, packed, offset] = [field(24), field(20), field(42)];
  const path = new TextDecoder().decode(directory.subarray(at + 46, at + 46 + name));
  return { path, method, crc: view.getUint32(16, true), packed, length, offset, bytes: size };
}
