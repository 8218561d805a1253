// What can only be seen from one entry to the next: index, chain and clock.
//
// Where index and chain agree, an entry stands in its place. Where they don't, the entries after it decide what
// happened: a gap is missing entries, unless they turn up later. This is the rule of src/ledger/verify/order.rs.

import { after, hashAt, hex, rfc3339, same, utf8 } from './bytes.js';
import { finding } from './findings.js';
import { genesisHash } from './hashes.js';

export class OrderCheck {
  misplaced = false;
  #findings;
  #end;
  #misnumbered = null;
  #gaps = new Gaps();

  constructor(first, origin, findings) {
    this.next = first;
    this.#findings = findings;
    this.#end = first === 0 ? { index: null, recorded: 0n, chain: genesisHash(utf8(origin)), rival: null } : null;
  }

  /** Takes the next bundle's report. */
  absorb(report) {
    report.lines.forEach((line, place) => {
      if (line) this.#follow(line, hashAt(report.previous, place), hashAt(report.chain, place));
      else {
        this.#end = null;
        this.#misnumbered = null;
        this.next = after(this.next);
      }
    });
  }

  /** Goes on behind entries that could not be read. */
  skipTo(index) {
    this.next = index;
    this.#end = null;
    this.#misnumbered = null;
  }

  finish() {
    this.#gaps.settle(this.#findings);
  }

  #follow(line, previous, chain) {
    this.#settleNumber(line);
    this.misplaced ||= line.index !== this.next;
    const end = this.#end;
    const continues = end && (same(previous, end.chain) || (end.rival !== null && same(previous, end.rival)));
    if (line.index === this.next) {
      if (continues === false) this.#findings.add(finding('chain_broken', line.index, hex(end.chain), hex(previous)));
      this.#take(line, line.index, chain);
    } else if (continues) {
      const one = this.#say('entry_altered', this.next, line);
      this.#misnumbered = { said: line.index, one };
      this.#take(line, this.next, chain);
    } else if (line.index > this.next) {
      this.#gaps.open(this.next, line.index, this.#say('missing_entries', this.next, line));
      this.#take(line, line.index, chain);
    } else if (!this.#gaps.fill(line.index)) {
      this.#superfluous(line, chain);
    }
  }

  #say(kind, index, line) {
    const one = finding(kind, index, `entry ${this.next}`, `entry ${line.index}`);
    this.#findings.add(one);
    return one;
  }

  #take(line, index, chain) {
    const before = this.#end?.recorded ?? 0n;
    if (line.recorded < before) {
      this.#findings.add(finding('clock_backwards', index, `${rfc3339(before)} or later`, rfc3339(line.recorded)));
    }
    this.#end = { index, recorded: line.recorded, chain, rival: null };
    this.next = after(index);
  }

  /** An entry whose index has been taken, and which no gap waits for. */
  #superfluous(line, chain) {
    let kind = 'entry_inserted';
    if (this.#end?.index === line.index) {
      if (same(this.#end.chain, chain)) kind = 'entry_repeated';
      else this.#end.rival = chain;
    }
    this.#say(kind, line.index, line);
  }

  /** The entry after one with a wrong number shows whether that one alone was changed, or entries taken out or put in. */
  #settleNumber(line) {
    const wrong = this.#misnumbered;
    this.#misnumbered = null;
    if (!wrong || line.index === this.next || line.index !== after(wrong.said)) return;
    wrong.one.kind = wrong.said >= this.next ? 'missing_entries' : 'entry_inserted';
    this.next = line.index;
  }
}

/** Stretches of entries that were passed over and may still turn up. */
class Gaps {
  #open = [];
  #turnedUp = new Map();

  open(from, until, one) {
    if (this.#open.length < 4096) this.#open.push({ from, until, one });
  }

  fill(index) {
    const at = this.#open.findIndex((gap) => gap.from <= index && index < gap.until);
    if (at < 0) return false;
    const [{ from, until, one }] = this.#open.splice(at, 1);
    const left = [[from, index], [after(index), until]].filter(([a, b]) => a < b);
    this.#open.push(...left.map(([a, b]) => ({ from: a, until: b, one })));
    if (!this.#turnedUp.has(one)) this.#turnedUp.set(one, index);
    if (!this.#open.some((gap) => gap.one === one)) one.kind = 'entries_reordered';
    return true;
  }

  settle(findings) {
    for (const [one, first] of this.#turnedUp) {
      const missing = this.#open.filter((gap) => gap.one === one).map((gap) => gap.from);
      if (missing.length === 0) continue;
      one.index = missing.reduce((least, index) => (index < least ? index : least));
      one.expected = `entry ${one.index}`;
      findings.add(finding('entries_reordered', first, `entry ${first} before the entries that follow it`, 'it stands behind them'));
    }
  }
}
