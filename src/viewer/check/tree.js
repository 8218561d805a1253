// The Merkle tree of RFC 6962, its tiles, and proofs made from tiles. A size that somebody claims may be any of 64 bits, and is a
// BigInt beyond 2^53, see `exact`; the numbers of tiles, bundles and entries that are really here are numbers.

import { decimal, exact, hashAt, integer, same } from './bytes.js';
import { nodeHash, sha256 } from './hashes.js';

export const WIDTH = 256;

/** The tile or bundle of this number where its level has `total` slots; `null` beyond them. */
export function spanOf(number, total) {
  const first = BigInt(number) * 256n;
  const left = BigInt(total) - first;
  const width = left < WIDTH ? Number(left) : WIDTH;
  return width > 0 ? { number, width, first: exact(first), full: width === WIDTH } : null;
}

/** How many tiles or bundles hold `total` slots. */
export const spansOver = (total) => exact((BigInt(total) + 255n) / 256n);

export function spanPath({ number, width }) {
  const digits = String(number);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.../g);
  const last = groups.pop();
  return `${groups.map((group) => `x${group}/`).join('')}${last}${width === WIDTH ? '' : `.p/${width}`}`;
}

export function parseSpan(path) {
  const [name, partial] = path.split('.p/');
  const number = integer(name.replace(/[x/]/g, '').replace(/^0+(?=.)/, ''));
  const width = partial === undefined ? WIDTH : decimal(partial);
  if (number === null || width === null || width < 1 || width > WIDTH) return null;
  const span = { number, width, first: exact(BigInt(number) * 256n), full: width === WIDTH };
  return spanPath(span) === path ? span : null;
}

export const tilePath = (level, span) => `tile/${level}/${spanPath(span)}`;

export function parseTile(path) {
  const [, level, rest] = /^tile\/([0-9]+)\/(.+)$/.exec(path) ?? [];
  const span = rest && parseSpan(rest);
  return span && decimal(level) !== null && decimal(level) < 64 ? { level: Number(level), span } : null;
}

/** How many slots a level of tiles has. */
export const slots = (level, size) => exact(BigInt(size) >> BigInt(8 * level));

/** The root over a power of two of hashes that stand one after the other. */
export function perfectRoot(hashes) {
  let nodes = Array.from({ length: hashes.length / 32 }, (_, at) => hashAt(hashes, at));
  while (nodes.length > 1) {
    const above = [];
    for (let at = 0; at < nodes.length; at += 2) above.push(nodeHash(nodes[at], nodes[at + 1]));
    nodes = above;
  }
  return nodes[0].slice();
}

/** A tree that grows at its right end: the roots of its perfect subtrees, largest first. */
export class Frontier {
  size = 0;
  nodes = [];

  push(hash, height = 0) {
    let node = { hash, height };
    while (this.nodes.at(-1)?.height === node.height) {
      node = { hash: nodeHash(this.nodes.pop().hash, node.hash), height: node.height + 1 };
    }
    this.nodes.push(node);
    this.size += 2 ** height;
  }

  root() {
    if (this.nodes.length === 0) return sha256(new Uint8Array());
    return this.nodes.map((node) => node.hash).reduceRight((right, left) => nodeHash(left, right));
  }
}

/** The perfect subtrees that a tree of this size is made of, largest first: height and number. */
export function subtrees(size) {
  const found = [];
  for (let height = 63, left = BigInt(size); height >= 0; height -= 1) {
    const place = BigInt(height);
    if ((left >> place) % 2n === 0n) continue;
    found.push({ height, number: exact((left >> place) - 1n) });
  }
  return found;
}

/** The node of this height and number, from the tile that holds it or what is under it; `null` where that is not here. */
export function nodeFrom(tiles, size, { height, number }) {
  const level = Math.floor(height / 8);
  const inTile = 2 ** (height % 8);
  const first = BigInt(number) * BigInt(inTile);
  const span = spanOf(exact(first / 256n), slots(level, size));
  const hashes = span && tiles(level, span);
  const from = Number(first % 256n) * 32;
  if (!hashes || hashes.length < from + inTile * 32) return null;
  return perfectRoot(hashes.subarray(from, from + inTile * 32));
}

/**
 * The inclusion proof of an entry, made from tiles: for each step from the leaf up, the hash beside the path, on which
 * side it stands, what the two give together, and the entries under each, from the first up to but without the last. `null` where a tile is missing.
 */
export function prove(tiles, size, index, leaf) {
  if (!Number.isSafeInteger(size)) return null;
  const steps = [];
  let hash = leaf;
  for (const { side, beside, made } of siblings(index, size)) {
    const roots = cover(...beside).map((node) => nodeFrom(tiles, size, node));
    if (roots.includes(null)) return null;
    const sibling = roots.reduceRight((right, left) => nodeHash(left, right));
    hash = side === 'left' ? nodeHash(sibling, hash) : nodeHash(hash, sibling);
    steps.push({ side, sibling, beside, hash, made });
  }
  return { leaf, steps, root: hash };
}

/** Where the hashes of an inclusion proof stand: RFC 6962, PATH(m, D[n]), leaf's sibling first. */
function siblings(index, size) {
  const path = [];
  for (let from = 0, until = size; until - from > 1;) {
    let half = 1;
    while (half * 2 < until - from) half *= 2;
    const middle = from + half;
    const made = [from, until];
    if (index < middle) {
      path.unshift({ side: 'right', beside: [middle, until], made });
      until = middle;
    } else {
      path.unshift({ side: 'left', beside: [from, middle], made });
      from = middle;
    }
  }
  return path;
}

/** The perfect subtrees over the leaves `from` up to `until`, which begin at a multiple of the largest. */
const cover = (from, until) =>
  subtrees(until - from).map(({ height, number }) => ({ height, number: from / 2 ** height + number }));

/** The tree as its signed root vouches for it: the partial tiles make the root, a full tile is a slot of the one above. */
export class SignedTree {
  #size;
  #tiles;
  #edge;
  #known = new Map();

  constructor(size, root, tiles) {
    this.#size = size;
    this.#tiles = tiles;
    const made = rootOf(tiles, size, size);
    this.#edge = made !== null && same(made, root);
  }

  /** Whether the signed root vouches for a tile: 'yes', 'no', or 'unreadable' where a tile above is missing. */
  vouches(level, span, hashes) {
    if (!span.full) return this.#edge ? 'yes' : 'no';
    const slot = this.slot(level + 1, span.number);
    if (!(slot instanceof Uint8Array)) return slot;
    return same(perfectRoot(hashes), slot) ? 'yes' : 'no';
  }

  /** One slot of a level, as the signed root vouches for it; otherwise 'no' or 'unreadable'. */
  slot(level, number) {
    const span = spanOf(exact(BigInt(number) / 256n), slots(level, this.#size));
    if (!span) return 'no';
    const { hashes, vouched } = this.#tile(level, span);
    return vouched === 'yes' ? hashAt(hashes, Number(BigInt(number) % 256n)) : vouched;
  }

  #tile(level, span) {
    const path = tilePath(level, span);
    if (!this.#known.has(path)) {
      const hashes = this.#tiles(level, span);
      this.#known.set(path, hashes ? { hashes, vouched: this.vouches(level, span, hashes) } : { vouched: 'unreadable' });
    }
    return this.#known.get(path);
  }

  /** The root that the tree had at a size before, from vouched tiles alone; `null` where they are not all here. */
  rootAt(size) {
    const vouched = (level, span) => {
      const tile = this.#tile(level, span);
      return tile.vouched === 'yes' ? tile.hashes : null;
    };
    return rootOf(vouched, this.#size, size);
  }
}

/** The root at a size, from the tiles of a tree of `whole`; `null` where a tile is missing. */
function rootOf(tiles, whole, size) {
  if (size === 0) return sha256(new Uint8Array());
  const parts = subtrees(size).map((node) => nodeFrom(tiles, whole, node));
  return parts.includes(null) ? null : parts.reduceRight((right, left) => nodeHash(left, right));
}

/** The numbers of the tiles of a level over these bundles. */
function over(level, { start, end }) {
  return end > start ? [Math.floor(start / WIDTH ** level), Math.floor((end - 1) / WIDTH ** level)] : null;
}

/**
 * The tiles that a pack holds beside those of its own bundles, which are given as runs of consecutive numbers: the work goes
 * with the bundles that are there, however far apart they are said to lie and however large the tree is said to be.
 */
export function otherTiles(runs, size) {
  const found = [];
  for (let level = 0; level < 8; level += 1) {
    const total = slots(level, size);
    if (total === 0) break;
    const tiles = spansOver(total);
    const above = [];
    for (const run of level > 0 ? runs : []) {
      const [from, last] = over(level, run);
      const first = Math.max(from, above.at(-1)?.end ?? 0);
      const end = last < tiles ? last + 1 : tiles;
      if (first < end) above.push({ start: first, end });
    }
    for (const { start, end } of above) {
      for (let number = start; number < end; number += 1) found.push({ level, span: spanOf(number, total) });
    }
    const edge = spanOf(exact(BigInt(tiles) - 1n), total);
    const there = level === 0 ? runs : above;
    if (!edge.full && !there.some(({ start, end }) => start <= edge.number && edge.number < end)) found.push({ level, span: edge });
  }
  return found;
}

/** Whether a pack of these bundles holds the tile. */
export function holdsTile({ level, span }, bundles, size) {
  const meant = spanOf(span.number, slots(level, size));
  const range = over(level, bundles);
  const covers = range && span.number >= range[0] && span.number <= range[1];
  return meant?.width === span.width && (covers || !span.full);
}
