// Everything that can be checked about one bundle alone. This runs in workers, on every core.

import { LIMITS, Malformed, hex, load, same } from './bytes.js';
import { decodeEntry, decodePayload, lostPayload, payloadCommitment, splitBundle, splitPayload, contentText } from './entry.js';
import { LOST_PAYLOAD, isConfirmation, readConfirmation } from './breaks.js';
import { chainHash, leafHash } from './hashes.js';
import { finding } from './findings.js';
import { WIDTH, perfectRoot, spanPath, tilePath } from './tree.js';

/** Reads a file; what is wrong with it is a finding of this kind, and it is `null` then. */
export async function read(file, path, limit, missing, index, findings) {
  try {
    const bytes = await load(file, limit);
    if (bytes) return bytes;
    findings.push(finding(missing, index, 'the file', 'it is not there', path));
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    const kind = /limit/.test(error.message) ? missing : 'container_damaged';
    findings.push(finding(kind, index, 'the file', error.message, path));
  }
  return null;
}

/** Checks a bundle: form, leaves and chain hashes of its entries, and every part of their payloads. */
export async function checkBundle({ span, tileSpan, files }) {
  const findings = [];
  const { first } = span;
  const entries = await read(files.entries, `tile/entries/${spanPath(span)}`, LIMITS.entries, 'entry_malformed', first, findings);
  const payloads = await read(files.payload, `payload/${spanPath(span)}`, LIMITS.payload, 'payload_missing', first, findings);
  const place = tilePath(0, tileSpan);
  let tile = await read(files.tile, place, LIMITS.tile, 'tile_missing', first, findings);
  if (tile && tile.length !== tileSpan.width * 32) {
    findings.push(finding('tile_altered', first, `${tileSpan.width} hashes`, `${tile.length} bytes`, place));
    tile = null;
  }
  const report = { span, tileSpan, tile, findings, readable: entries !== null };
  report.tileRoot = tile && tileSpan.full ? perfectRoot(tile) : null;
  if (entries) Object.assign(report, checkEntries(span, entries, payloads, findings));
  return report;
}

function checkEntries(span, bundle, payloads, findings) {
  const { entries, left } = splitBundle(bundle);
  const { first } = span;
  if (left > 0) findings.push(finding('entry_malformed', first + entries.length, 'an entry', `${left} bytes that are not`, `tile/entries/${spanPath(span)}`));
  const count = entries.length;
  const counts = { entries: count, whole: 0, partial: 0, absent: 0, disclosed: 0, withheld: 0 };
  const leaves = new Uint8Array(count * 32);
  const chain = new Uint8Array(count * 32);
  const previous = new Uint8Array(count * 32);
  const lines = [];
  const breaks = [];
  let at = payloads ? 0 : null;
  entries.forEach((bytes, place) => {
    const index = first + place;
    leaves.set(leafHash(bytes), place * 32);
    let entry = null;
    try {
      entry = decodeEntry(bytes);
    } catch (error) {
      findings.push(finding('entry_malformed', index, 'an entry', error.message));
    }
    if (entry) {
      chain.set(chainHash(bytes), place * 32);
      previous.set(entry.previous, place * 32);
    }
    let parts = null;
    if (at === null) counts.absent += 1;
    else [parts, at] = checkPayload(payloads, at, index, entry, counts, findings);
    lines.push(entry && line(entry, parts));
    const confirmation = entry && parts?.length > 0 && isConfirmation(entry) && same(payloadCommitment(parts), entry.commitment) && readConfirmation(entry, parts);
    if (confirmation) breaks.push(confirmation);
  });
  if (at !== null && at < payloads.length) {
    findings.push(finding('payload_malformed', first + Math.max(count - 1, 0), 'the end of the bundle', `${payloads.length - at} bytes more`));
  }
  return { count, counts, breaks, leaves, chain, previous, lines, root: count === WIDTH ? perfectRoot(leaves) : null };
}

/** What the list and the order of entries need of an entry. */
function line(entry, parts) {
  const { index, recorded, occurred, sequence, type, source, eventId, subject, producer } = entry;
  const withheld = parts ? parts.filter((part) => part.withheld).length : 0;
  return { index, recorded, occurred, sequence, type, source, eventId, subject, producer, parts: parts?.length ?? 0, withheld };
}

/** Checks the payload at this place; gives its parts and where the next one begins, `null` where that can't be told. */
function checkPayload(payloads, at, index, entry, counts, findings) {
  if (at >= payloads.length) {
    findings.push(finding('payload_missing', index, 'a payload', 'the end of the payloads'));
    return [null, null];
  }
  const lost = lostPayload(payloads, at);
  if (lost) {
    counts.absent += 1;
    if (entry) findings.push(finding('payload_missing', index, hex(entry.commitment), LOST_PAYLOAD));
    return [lost.parts, lost.end];
  }
  let payload;
  try {
    payload = decodePayload(payloads, at);
  } catch (error) {
    findings.push(finding('payload_malformed', index, 'a payload', error.message));
    return [null, null];
  }
  const withheld = payload.parts.filter((part) => part.withheld).length;
  counts[withheld === 0 ? 'whole' : 'partial'] += 1;
  counts.withheld += withheld;
  counts.disclosed += payload.parts.length - withheld;
  const commitment = payloadCommitment(payload.parts);
  if (entry && !same(commitment, entry.commitment)) {
    findings.push(finding('payload_altered', index, hex(entry.commitment), hex(commitment)));
  }
  return [payload.parts, payload.end];
}

/** One entry in full, read again for a person to look at. */
export async function openEntry({ files }, place) {
  const bundle = await load(files.entries, LIMITS.entries);
  const bytes = splitBundle(bundle).entries[place];
  let entry = null;
  try {
    entry = decodeEntry(bytes);
  } catch (error) {
    return { bytes: bytes.slice(), problem: error.message, leaf: leafHash(bytes), parts: null };
  }
  let parts = null;
  try {
    const payloads = await load(files.payload, LIMITS.payload);
    let at = 0;
    for (let skip = 0; skip <= place; skip += 1) ({ parts, end: at } = lostPayload(payloads, at) ?? (skip === place ? decodePayload : splitPayload)(payloads, at));
    parts = parts.map((part) => (part.withheld ? part : { ...part, text: contentText(part) }));
  } catch {
    parts = null; // What is wrong with it is a finding.
  }
  return { entry, parts, bytes: bytes.slice(), leaf: leafHash(bytes), chain: chainHash(bytes) };
}

/** The places in a bundle whose payloads hold a text, in small letters. */
export async function searchBundle({ files }, needle) {
  const found = [];
  try {
    const { entries } = splitBundle(await load(files.entries, LIMITS.entries));
    const payloads = await load(files.payload, LIMITS.payload);
    let at = 0;
    for (let place = 0; place < entries.length; place += 1) {
      const payload = lostPayload(payloads, at) ?? splitPayload(payloads, at);
      at = payload.end;
      const holds = (part) => !part.withheld && contentText(part).toLowerCase().includes(needle);
      if (payload.parts.some(holds)) found.push(place);
    }
  } catch {
    return found; // What can't be read is a finding, and holds no text.
  }
  return found;
}
