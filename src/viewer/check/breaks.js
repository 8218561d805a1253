// Confirmed breaks: entries of the ledger itself that say that a damage is known. src/manual/breaks.md.
//
// Only what such an entry names to the letter is covered; what touches entries, their order, the tree or a signature never
// is. What is covered is shown beside the findings, not hidden.

import { rfc3339, text } from './bytes.js';
import { CONFIRMABLE } from './findings.js';
import { parse, plain, write } from './json.js';
import { atMost, lengthOf } from './sequences.js';

export const LOST_PAYLOAD = 'a payload that was lost';
const KINDS = [...CONFIRMABLE, 'sequence_gap'];
/** The most that all confirmations together cover. */
const KNOWN_MAX = 1_000_000;

export const isConfirmation = (entry) => entry.source === 'exhibit:breaks' && entry.type === 'ledger.break-confirmed.v1' && entry.producer === 'exhibit break confirm';

const isHash = (value) => /^[0-9a-f]{64}$/.test(value);
const hasKeys = (value, keys) => typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).join() === keys;

/** Whether it is a finding that can be confirmed, as a verification says it. */
function isKnown(value) {
  if (!hasKeys(value, 'kind,index,expected,found')) return false;
  const { kind, index, expected, found } = value;
  if (!KINDS.includes(kind) || typeof expected !== 'string' || typeof found !== 'string') return false;
  if (kind === 'sequence_gap') return index === null;
  if (!['number', 'bigint'].includes(typeof index)) return false;
  if (kind === 'payload_missing') return isHash(expected) && found === LOST_PAYLOAD;
  return kind !== 'payload_altered' || (isHash(expected) && isHash(found));
}

/** Reads the confirmation in an entry whose payload is the one that it commits to; `null` where it is none. */
export function readConfirmation(entry, parts) {
  if (!isConfirmation(entry) || parts[0].withheld) return null;
  try {
    const written = text(parts[0].content);
    const read = parse(written);
    const body = plain(read);
    if (!hasKeys(body, 'findings,what,why') || write(read) !== written) return null;
    const { findings, what, why } = body;
    if (!Array.isArray(findings) || findings.length < 1 || findings.length > 1000 || !findings.every(isKnown)) return null;
    if (![what, why].every((value) => typeof value === 'string' && value !== '')) return null;
    // Nobody confirms what is yet to happen.
    if (findings.some(({ index }) => index !== null && index >= entry.index)) return null;
    return { entry: entry.index, confirmed_at: rfc3339(entry.recorded), what, why, by: byOf(parts), findings };
  } catch {
    return null;
  }
}

function byOf(parts) {
  for (const part of parts.slice(1)) {
    if (part.withheld || part.name !== 'by') continue;
    try {
      return text(part.content);
    } catch {
      // Another part may say it.
    }
  }
  return null;
}

const keyOf = ({ kind, index, expected, found }) => write([kind, index, expected, found]);

/** The confirmations of a pack, in order, and what of the findings they cover. */
export class Breaks {
  #known = new Set();
  #confirmations = [];
  #covered = new Set();
  /** Numbers that never arrived and are confirmed, exactly. */
  missing = 0n;

  take(confirmations) {
    for (const one of confirmations) {
      if (this.#known.size + one.findings.length > KNOWN_MAX) continue;
      for (const known of one.findings) this.#known.add(keyOf(known));
      this.#confirmations.push(one);
    }
  }

  /** Takes what is confirmed out of the findings. */
  cover(findings) {
    const isCovered = (one) => this.#known.has(keyOf(one));
    const covered = findings.listed.filter(isCovered);
    findings.listed = findings.listed.filter((one) => !isCovered(one));
    findings.total -= covered.length;
    for (const one of covered) this.#covered.add(keyOf(one));
  }

  /** Covers numbers of sources that never arrived. */
  coverGaps(sources) {
    for (const { source, gaps } of sources) {
      for (const [first, last] of gaps) {
        const key = keyOf({ kind: 'sequence_gap', index: null, expected: `numbers ${first} to ${last} of ${source}`, found: 'none of them' });
        if (!this.#known.has(key) || this.#covered.has(key)) continue;
        this.#covered.add(key);
        this.missing += lengthOf([first, last]);
      }
    }
  }

  statement(range) {
    const fromStart = range.start === 0;
    const isLookedAt = ({ kind, index }) => (index === null ? fromStart : (fromStart || kind.startsWith('payload_')) && range.start <= index && index < range.end);
    const listed = this.#confirmations.map(({ findings, ...said }) => {
      const found = findings.filter((known) => this.#covered.has(keyOf(known)));
      const others = findings.filter((known) => !this.#covered.has(keyOf(known)));
      return { ...said, found, no_longer_found: others.filter(isLookedAt), not_looked_at: others.filter((known) => !isLookedAt(known)) };
    });
    return { confirmed: this.#covered.size, missing_confirmed: atMost(this.missing), listed };
  }
}
