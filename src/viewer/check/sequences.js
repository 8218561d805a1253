// What the producers' own counts say about events that never arrived: the rule of src/pack/sequence.rs. The counts are of 64 bits,
// so they are BigInts while they are followed, and `exact` in the statement.

import { exact } from './bytes.js';
import { compareUtf8 } from './manifest.js';

const SOURCES_MAX = 100_000;
const LISTED_MAX = 1_000;
const GAPS_MAX = 100_000;
const GAPS_LISTED_MAX = 20;
const U64_MAX = 2n ** 64n - 1n;

const sum = (numbers) => numbers.reduce((before, one) => before + BigInt(one), 0n);
/** A sum as a report has it: it stays at the most that 64 bits hold, as the first verifier's does. */
export const atMost = (all) => exact(all < U64_MAX ? all : U64_MAX);

export const lengthOf = ([from, to]) => BigInt(to) - BigInt(from) + 1n;

export class Sequences {
  #sources = new Map();
  #uncounted = 0;
  #gaps = 0;
  #truncated = false;
  /** Numbers that never arrived by the last statement, exactly: its own sums stop at 64 bits. */
  missing = 0n;

  /** Takes the next event in the ledger's order; 0 is an event that is not counted. */
  take(source, number) {
    if (number === 0n) {
      this.#uncounted += 1;
      return;
    }
    const known = this.#sources.get(source);
    if (known) {
      const before = known.gaps.length;
      if (!take(known, number, this.#gaps < GAPS_MAX)) this.#truncated = true;
      this.#gaps += known.gaps.length - before;
    } else if (this.#sources.size < SOURCES_MAX) {
      this.#sources.set(source, { events: 1, first: number, last: number, gaps: [], forgotten: 0n, repeated: 0, late: 0 });
    } else {
      this.#truncated = true;
    }
  }

  /** The statement, with the members that the manifest has, in its order. */
  statement(fromStart) {
    const listed = [...this.#sources].map(([source, known]) => state(source, known, fromStart));
    const total = (member) => atMost(sum(listed.map((source) => source[member])));
    this.missing = sum(listed.map((source) => source.missing));
    const statement = {
      counting: listed.length,
      events: total('events'),
      uncounted: this.#uncounted,
      missing: total('missing'),
      repeated: total('repeated'),
      late: total('late'),
      truncated: this.#truncated,
    };
    const whole = (source) => (source.missing === 0 && source.repeated === 0 ? 1 : 0);
    listed.sort((a, b) => whole(a) - whole(b) || compareUtf8(a.source, b.source));
    return { ...statement, listed: listed.slice(0, LISTED_MAX) };
  }
}

function take(known, number, room) {
  known.events += 1;
  if (number > known.last) {
    const gap = [known.last + 1n, number - 1n];
    known.last = number;
    return open(known, gap, room);
  }
  if (number < known.first) {
    const gap = [number + 1n, known.first - 1n];
    known.first = number;
    known.late += 1;
    return open(known, gap, room);
  }
  const at = behind(known.gaps, number) - 1;
  if (at < 0 || number > known.gaps[at][1]) {
    known.repeated += 1;
    return true;
  }
  known.late += 1;
  const [[from, to]] = known.gaps.splice(at, 1);
  open(known, [from, number - 1n], true);
  open(known, [number + 1n, to], true);
  return true;
}

function open(known, gap, room) {
  if (gap[0] > gap[1]) return true;
  if (!room) {
    known.forgotten += lengthOf(gap);
    return false;
  }
  known.gaps.splice(behind(known.gaps, gap[0]), 0, gap);
  return true;
}

/** The place of the first gap that begins behind a number. */
function behind(gaps, number) {
  let [from, until] = [0, gaps.length];
  while (from < until) {
    const middle = (from + until) >> 1;
    if (gaps[middle][0] > number) until = middle;
    else from = middle + 1;
  }
  return from;
}

function state(source, known, fromStart) {
  const start = fromStart && known.first > 1n ? [[1n, known.first - 1n]] : [];
  const gaps = [...start, ...known.gaps];
  return {
    source,
    events: known.events,
    first: exact(known.first),
    last: exact(known.last),
    missing: atMost(sum([known.forgotten, ...gaps.map(lengthOf)])),
    repeated: known.repeated,
    late: known.late,
    gaps: gaps.slice(0, GAPS_LISTED_MAX).map((gap) => gap.map(exact)),
  };
}
