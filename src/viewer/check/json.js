// JSON to the letter, where the platform's reader is too kind: it makes floats of large whole numbers, keeps the last of two
// members of one name, and lets halves of characters through. Objects are read as `Map`s, in the order of the text.

import { Malformed, integer } from './bytes.js';

const DEPTH_MAX = 128;
const BLANK = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

/** A whole number of 64 bits, see `integer`; throws `Malformed` for any other number. */
function u64(digits) {
  const value = integer(digits);
  if (value === null) throw new Malformed(`it has the number ${digits.slice(0, 40)}, which is not a whole number of 64 bits`);
  return value;
}

/** Reads a text; `number` makes a value of a number's digits. Throws `Malformed`. */
export function parse(text, number = u64) {
  const reader = new Reader(text, number);
  const value = reader.value(0);
  if (reader.peek() !== '') throw reader.wrong();
  return value;
}

class Reader {
  #text;
  #number;
  #at = 0;

  constructor(text, number) {
    this.#text = text;
    this.#number = number;
  }

  wrong() {
    return new Malformed(`it is not JSON at character ${this.#at}`);
  }

  /** The next character that is no white space; none at the end. */
  peek() {
    BLANK.lastIndex = this.#at;
    BLANK.test(this.#text);
    this.#at = BLANK.lastIndex;
    return this.#text.charAt(this.#at);
  }

  #take(expected) {
    if (this.peek() !== expected) throw this.wrong();
    this.#at += 1;
  }

  value(depth) {
    if (depth >= DEPTH_MAX) throw new Malformed('it is nested too deeply');
    const first = this.peek();
    if (first === '{') return this.#object(depth);
    if (first === '[') return this.#array(depth);
    if (first === '"') return this.#string();
    for (const [word, value] of [['true', true], ['false', false], ['null', null]]) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    NUMBER.lastIndex = this.#at;
    const [digits] = NUMBER.exec(this.#text) ?? [];
    if (digits === undefined) throw this.wrong();
    this.#at += digits.length;
    return this.#number(digits);
  }

  #object(depth) {
    const members = new Map();
    this.#items('{', '}', () => {
      if (this.peek() !== '"') throw this.wrong();
      const name = this.#string();
      if (members.has(name)) throw new Malformed(`it has the member ${JSON.stringify(name)} twice`);
      this.#take(':');
      members.set(name, this.value(depth + 1));
    });
    return members;
  }

  #array(depth) {
    const items = [];
    this.#items('[', ']', () => items.push(this.value(depth + 1)));
    return items;
  }

  #items(open, close, item) {
    this.#take(open);
    if (this.peek() !== close) {
      item();
      while (this.peek() === ',') {
        this.#at += 1;
        item();
      }
    }
    this.#take(close);
  }

  #string() {
    let end = this.#at;
    let escaped;
    do {
      end = this.#text.indexOf('"', end + 1);
      if (end < 0) throw this.wrong();
      let slashes = 0;
      while (this.#text[end - 1 - slashes] === '\\') slashes += 1;
      escaped = slashes % 2 === 1;
    } while (escaped);
    let value;
    try {
      value = JSON.parse(this.#text.slice(this.#at, end + 1));
    } catch {
      throw this.wrong();
    }
    if (/\p{Surrogate}/u.test(value)) throw new Malformed(`it has half a character at character ${this.#at}`);
    this.#at = end + 1;
    return value;
  }
}

/** Writes what `parse` reads, and plain objects, in the one form of the formats; with `indent`, a member and an item a line. */
export function write(value, indent = 0) {
  return writeAt(value, indent, '\n');
}

function writeAt(value, indent, line) {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = line + ' '.repeat(indent);
  const one = (item) => writeAt(item, indent, inner);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const members = value instanceof Map ? [...value] : Object.entries(value);
  const items = Array.isArray(value) ? value.map(one) : members.map(([name, item]) => `${JSON.stringify(name)}:${indent > 0 ? ' ' : ''}${one(item)}`);
  if (items.length === 0) return open + close;
  return indent > 0 ? `${open}${inner}${items.join(`,${inner}`)}${line}${close}` : `${open}${items.join(',')}${close}`;
}

/** The same with plain objects, for what has been checked to have the members that are asked for. */
export function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  return value instanceof Map ? Object.fromEntries([...value].map(([name, one]) => [name, plain(one)])) : value;
}
