// What must be checked in order: each bundle against the one before, the tiles, and the root.

import { hashAt, hex, same } from './bytes.js';
import { Breaks } from './breaks.js';
import { finding } from './findings.js';
import { judgeHistory, observe } from './keys.js';
import { runsOf } from './layout.js';
import { OrderCheck } from './order.js';
import { Sequences } from './sequences.js';
import { Frontier, SignedTree, WIDTH, otherTiles, spanOf, spansOver, tilePath } from './tree.js';

/** The ordered half: each bundle against the one before, and the tree. */
export class Run {
  counts = { entries: 0, whole: 0, partial: 0, absent: 0, disclosed: 0, withheld: 0 };
  tiles = 0;
  /** Behind the last entry that can be opened. */
  places = 0;
  recorded = null;
  sequences = new Sequences();
  breaks = new Breaks();
  #g;
  #findings;
  #frontier;
  /** The sizes at which the root is asked for, and the roots over the entries there. */
  #roots;
  #signed = null;
  #upper = null;
  #doubtful = [];
  /** What entries and statements about keys say against each other, and the statements whose entries went by. */
  #keyFindings = [];
  #keysSeen = new Set();
  #uneven = null;

  constructor(gathered, origin, findings) {
    const { checkpoint, size, bundles, keys } = gathered;
    this.#g = gathered;
    this.#findings = findings;
    this.order = new OrderCheck(bundles.start * WIDTH, origin, findings);
    this.#frontier = bundles.start === 0 ? new Frontier() : null;
    this.proving = checkpoint && checkpoint.size === size ? checkpoint : null;
    if (this.proving) this.#signed = new SignedTree(size, checkpoint.root, tileReader(gathered));
    if (this.proving && bundles.start === 0 && bundles.end === spansOver(size)) this.#upper = [];
    this.#roots = new Map([checkpoint, ...keys.history.statements].filter(Boolean).map((one) => [one.size, null]));
    if (bundles.start === 0) this.#watch();
  }

  /** Looks at the tiles above level 0 under a checkpoint that the key signed; under any other there is nothing to lead to. */
  checkUpperTiles(signed) {
    const { spans, size, upper } = this.#g;
    if (!this.proving || !signed || spans.length === 0) return;
    let edgeSaid = this.#upper !== null;
    const missing = [];
    for (const { level, span } of otherTiles(runsOf(spans), size)) {
      const path = tilePath(level, span);
      const hashes = upper.get(path);
      if (!hashes || hashes.length !== span.width * 32) {
        if (hashes) this.#findings.add(finding('tile_altered', null, `${span.width} hashes`, `${hashes.length} bytes`, path));
        else missing.push({ path, width: span.width });
        edgeSaid ||= !span.full;
        continue;
      }
      if (this.#upper) continue;
      this.tiles += 1;
      const wrong = this.#signed.vouches(level, span, hashes) === 'no';
      // The partial tiles make the root together: which one of them is wrong can't be told.
      if (wrong && (span.full || !edgeSaid)) this.#findings.add(finding('tile_altered', null, 'a tile of the tree that the checkpoint signs', 'another', path));
      edgeSaid ||= !span.full;
    }
    if (missing.length === 0) return;
    const more = missing.length - 1;
    this.#findings.add(finding('tile_missing', null, `${missing[0].width} hashes`, more > 0 ? `nothing, nor for ${more} more tiles` : 'nothing', missing[0].path));
  }

  take(report) {
    this.#findings.addAll(report.findings.map((one) => ({ ...one })));
    if (!report.readable) {
      this.order.skipTo(report.span.first + report.span.width);
      this.#frontier = null;
      return;
    }
    for (const name of Object.keys(this.counts)) this.counts[name] += report.counts[name];
    for (const line of report.lines) {
      if (!line) continue;
      this.sequences.take(line.source, line.sequence);
      this.recorded = [this.recorded?.[0] ?? line.recorded, line.recorded];
    }
    this.breaks.take(report.breaks);
    observe(this.#g.keys.history, report, this.#keyFindings).forEach((number) => this.#keysSeen.add(number));
    this.places = report.span.first + report.count;
    if (report.count !== report.span.width) this.#uneven ??= report.span.first;
    this.#grow(report);
    this.#compareTile(report);
    if (this.#upper && report.count === WIDTH) this.#upper.push(report.root);
    this.order.absorb(report);
  }

  /** Makes the tree over all entries, and keeps its root where it is asked for. */
  #grow({ span, count, leaves, root }) {
    if (this.#frontier?.size !== span.first) {
      this.#frontier = null;
      return;
    }
    const isWithin = (size) => size > span.first && size < span.first + count;
    if (root && ![...this.#roots.keys()].some(isWithin)) {
      this.#frontier.push(root, 8);
      this.#watch();
      return;
    }
    for (let place = 0; place < count; place += 1) {
      this.#frontier.push(hashAt(leaves, place));
      this.#watch();
    }
  }

  #watch() {
    const { size } = this.#frontier;
    if (this.#roots.has(size)) this.#roots.set(size, this.#frontier.root());
  }

  /** What is wrong with the history of keys, and which of its statements could not be held against tree or entries. */
  judgeHistory(ring) {
    const { keys, checkpoint, bundles } = this.#g;
    const size = checkpoint?.size ?? this.order.next;
    const rootAt = (at) => (bundles.start === 0 && this.#roots.get(at)) || (this.#signed?.rootAt(at) ?? null);
    const { findings, ...open } = judgeHistory(keys, ring, this.#keysSeen, size, rootAt);
    this.#findings.addAll([...findings, ...this.#keyFindings]);
    return { ...open, statements: keys.history.statements.length, wrong: findings.length + this.#keyFindings.length > 0 };
  }

  /** Compares a level-0 tile with the entries under it. Where they differ, the signed root says which is wrong. */
  #compareTile(report) {
    const { tile, tileRoot, tileSpan, leaves, span } = report;
    if (!tile) return;
    this.tiles += 1;
    const alike = same(tile, leaves);
    const found = tileRoot ?? hashAt(tile, 0);
    let vouched = null;
    if (this.#signed) {
      if (tileSpan.full) vouched = this.#signed.slot(1, tileSpan.number);
      else vouched = this.#signed.vouches(0, tileSpan, tile) === 'yes' ? hashAt(tile, 0) : null;
    }
    const root = vouched instanceof Uint8Array ? vouched : null;
    if (root && same(root, found)) {
      if (!alike) this.#blameEntries(report);
    } else if (root && alike) {
      this.#findings.add(finding('entry_altered', span.first, `root ${hex(root)} over its bundle of 256 entries`, hex(found)));
    } else if (!alike) {
      let at = 0;
      const many = Math.min(tile.length, leaves.length) / 32;
      while (at < many && same(hashAt(tile, at), hashAt(leaves, at))) at += 1;
      this.#doubt(tilePath(0, tileSpan), span.first + at);
    }
  }

  /** Names the entries that are not those of a tile that the signed root vouches for. */
  #blameEntries({ tile, leaves, lines, span }) {
    for (let place = 0; place * 32 < tile.length && place < lines.length; place += 1) {
      const [expected, found] = [hashAt(tile, place), hashAt(leaves, place)];
      // An entry that stands elsewhere is said to be misplaced, and one that does not decode to be unreadable.
      const inPlace = lines[place]?.index === span.first + place;
      if (inPlace && !same(expected, found)) {
        this.#findings.add(finding('entry_altered', span.first + place, `leaf ${hex(expected)}`, `leaf ${hex(found)}`));
      }
    }
  }

  #doubt(path, index) {
    if (this.#doubtful.length < 1000) this.#doubtful.push({ path, index });
  }

  /** Makes the tiles above level 0 again, where the pack has all entries, and compares. */
  settleTiles() {
    const { upper, size } = this.#g;
    let nodes = this.#upper ?? [];
    for (let level = 1; nodes.length > 0; level += 1) {
      const above = [];
      for (let number = 0; number * WIDTH < nodes.length; number += 1) {
        const hashes = join(nodes.slice(number * WIDTH, (number + 1) * WIDTH));
        const made = spanOf(number, nodes.length);
        const there = upper.get(tilePath(level, made));
        if (there?.length === hashes.length) {
          this.tiles += 1;
          if (!same(there, hashes)) this.#doubt(tilePath(level, made), Math.min(number * WIDTH ** (level + 1), size));
        }
        if (made.full) {
          const tree = new Frontier();
          nodes.slice(number * WIDTH, (number + 1) * WIDTH).forEach((node) => tree.push(node));
          above.push(tree.root());
        }
      }
      nodes = above;
    }
  }

  checkExtent() {
    const { spans, manifest, checkpoint } = this.#g;
    const range = manifest?.range;
    if (spans.length === 0) {
      if (range && range.start < range.end) this.#findings.add(finding('missing_entries', range.start, `entries ${range.start} to ${range.end}`, 'no entry'));
      return;
    }
    const start = spans[0].first;
    const end = this.order.next;
    if (range && range.start < start) this.#findings.add(finding('missing_entries', range.start, `entry ${range.start}`, `entry ${start}`));
    const whole = checkpoint && spanOf(spans.at(-1).number, checkpoint.size);
    // A manifest that says more than the checkpoint covers is wrong itself.
    const said = range && (checkpoint?.size < range.end ? checkpoint.size : range.end);
    const due = Math.max(said ?? 0, whole ? whole.first + whole.width : 0);
    if (due > end) this.#findings.add(finding('missing_entries', end, `entries up to ${due}`, `the end at ${end}`));
    if (checkpoint && checkpoint.size < end) {
      this.#findings.add(finding('checkpoint_behind', checkpoint.size, `a checkpoint of at least ${end} entries`, `one of ${checkpoint.size}`));
    }
    const explained = this.order.misplaced || this.#findings.has('missing_entries', 'entry_malformed');
    if (this.#uneven !== null && !explained) {
      this.#findings.add(finding('entries_reordered', this.#uneven, 'each entry in its bundle', 'another number of entries in this bundle'));
    }
  }

  /** Compares the root over the entries with the signed one, and settles which tiles are wrong. */
  checkRoot(checked) {
    const { checkpoint, bundles } = this.#g;
    if (!checkpoint) return;
    const explained = this.order.misplaced || this.#findings.has('entry_altered', 'entry_malformed', 'missing_entries');
    const made = this.#roots.get(checkpoint.size);
    if (made) {
      if (!same(made, checkpoint.root)) {
        if (!explained) this.#findings.add(finding('root_mismatch', null, `root ${hex(checkpoint.root)}`, `root ${hex(made)}`));
        return;
      }
      checked.push('the root over all entries, against the checkpoint');
    } else if (bundles.start === 0 && bundles.end * WIDTH >= checkpoint.size) {
      return;
    } else if (bundles.end > bundles.start && this.#signed) {
      // Without entries, or under a checkpoint of another size, nothing was led to the root.
      checked.push('the entries against the hash tiles, and the hash tiles against the signed root');
    }
    for (const { path, index } of this.#doubtful) {
      this.#findings.add(finding('tile_altered', index, 'the hashes of the signed tree', 'others', path));
    }
  }
}

function join(hashes) {
  const out = new Uint8Array(hashes.length * 32);
  hashes.forEach((hash, at) => out.set(hash, at * 32));
  return out;
}

/** Reads tiles of any level: those above from memory, level 0 from the bundles' reports. */
export function tileReader({ upper, reports }) {
  const byNumber = new Map(reports.map((report) => [report.tileSpan.number, report]));
  return (level, span) => {
    const hashes = upper.get(tilePath(level, span)) ?? (level === 0 ? byNumber.get(span.number)?.tile : null);
    return hashes?.length === span.width * 32 ? hashes : null;
  };
}
