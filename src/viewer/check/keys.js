// The ledger's own keys over the years: which signed when, and how trust in one leads to the others. The rules of
// src/ledger/keys; src/manual/keys.md tells the same in words.

import { LIMITS, Malformed, fromBase64, hex, integer, load, text, toBase64, utf8 } from './bytes.js';
import { finding } from './findings.js';
import { fileHash } from './hashes.js';
import { KEY_HISTORY } from './layout.js';
import { checkSignature, isSignedBy, keyName, parseKey, parseNote } from './note.js';

const CONTEXT = 'exhibit key statement v1';
const STATEMENTS_MAX = 500;
const REASON_BYTES_MAX = 1000;
const SOURCE = 'exhibit:keys';
const EVENT_TYPES = { rotated: 'ledger.key-rotated.v1', retired: 'ledger.key-retired.v1', compromised: 'ledger.key-compromised.v1' };

const isSame = (a, b) => a.vkey === b.vkey;

/** Reads the text of a statement; throws `Malformed`. */
function parseStatement(written) {
  const lines = written.split('\n');
  const line = (beginning) => {
    const next = lines.shift();
    if (!next?.startsWith(beginning)) throw new Malformed(`its \`${beginning.trim()}\` line is missing`);
    return next.slice(beginning.length);
  };
  const number = (beginning) => {
    const value = integer(line(beginning));
    if (value === null) throw new Malformed('a number is not decimal');
    return value;
  };
  if (lines.shift() !== CONTEXT) throw new Malformed(`its first line is another than \`${CONTEXT}\``);
  const statement = { origin: keyName(line('origin ')), number: number('number '), previous: line('previous ') };
  const [, change, vkey] = /^(rotated|retired|compromised) (.*)$/s.exec(lines.shift() ?? '') ?? [];
  if (change === undefined) throw new Malformed('what happened is none of `rotated`, `retired` and `compromised`');
  Object.assign(statement, { change, key: parseKey(vkey) });
  if (change === 'rotated') statement.successor = parseKey(line('to '));
  if (change === 'compromised') statement.from = number('from ');
  Object.assign(statement, { size: number('size '), root: fromBase64(line('root ')), time: number('time '), reason: line('reason ') });
  check(statement);
  if (textOf(statement) !== written) throw new Malformed('it is not written in its one form');
  return { ...statement, digest: hex(fileHash(utf8(written))) };
}

/** What the form of a statement does not say. */
function check({ origin, previous, key, successor, from, size, root, reason }) {
  if (previous !== 'none' && !/^[0-9a-f]{64}$/.test(previous)) throw new Malformed('the digest of the statement before is none');
  if (root.length !== 32) throw new Malformed('the root is not 32 bytes in base64');
  const length = utf8(reason).length;
  if (length < 1 || length > REASON_BYTES_MAX || /\p{Cc}/u.test(reason)) throw new Malformed('the reason is not one line of 1 to 1,000 bytes');
  for (const one of [key, successor]) {
    if (one && one.name !== origin) throw new Malformed(`${one.vkey} is not an Ed25519 key (0x01) with the ledger's name`);
  }
  if (from > size) throw new Malformed("the key is compromised from beyond the ledger's end");
}

function textOf({ origin, number, previous, change, key, successor, from, size, root, time, reason }) {
  const more = { rotated: `\nto ${successor?.vkey}`, retired: '', compromised: `\nfrom ${from}` }[change];
  return `${CONTEXT}\norigin ${origin}\nnumber ${number}\nprevious ${previous}\n${change} ${key.vkey}${more}\nsize ${size}\nroot ${toBase64(root)}\ntime ${time}\nreason ${reason}\n`;
}

/** All statements, from the first, and the keys by them: each with the sizes of the trees that it signs. */
export class KeyHistory {
  statements = [];
  keys = [];

  /** Reads a history, and checks all of it that needs no trust; throws `Malformed`. */
  static parse(bytes) {
    if (bytes.length > LIMITS.text) throw new Malformed(`the history is over its limits of ${LIMITS.text} bytes and ${STATEMENTS_MAX} statements`);
    const history = new KeyHistory();
    if (bytes.length === 0) return history;
    const form = new Malformed('the history is not a list of statements in its one form');
    const written = text(bytes, 'the history');
    if (!written.endsWith('\n')) throw form;
    // Neither a text nor its signatures hold a blank line, so these stand between them alone.
    const blocks = written.slice(0, -1).split('\n\n');
    if (blocks.length % 2 === 1) throw form;
    for (let at = 0; at < blocks.length; at += 2) {
      try {
        history.#add(parseNote(utf8(`${blocks[at]}\n\n${blocks[at + 1]}\n`)));
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
        throw new Malformed(`statement ${at / 2 + 1}: ${error.message}`);
      }
    }
    return history;
  }

  #add(note) {
    const statement = parseStatement(note.text);
    const last = this.statements.at(-1);
    if (this.statements.length === STATEMENTS_MAX) throw new Malformed(`the history has over ${STATEMENTS_MAX} statements`);
    if (statement.number !== this.statements.length + 1) throw new Malformed('its number is not its place');
    if (statement.previous !== (last?.digest ?? 'none')) throw new Malformed('it names another statement as the one before it');
    if (last && last.origin !== statement.origin) throw new Malformed('it is of another ledger');
    if (last && last.size >= statement.size) throw new Malformed('it is not of a larger tree than the one before it');
    if (!last && statement.change === 'rotated') this.#from(statement.key, 0);
    const signers = this.#signersOf(statement);
    const theirs = note.signatures.length === signers.length && note.signatures.every((line, at) => line.name === signers[at].name && line.id === signers[at].id);
    if (!theirs) throw new Malformed(`it is not signed by ${signers.map(({ id }) => id).join(' and ')}, as it must be, and by them alone`);
    for (const key of signers) if (!isSignedBy(note, key)) throw new Malformed(`the signature by ${key.name} does not verify`);
    this.#apply(statement);
    this.statements.push({ ...statement, note });
  }

  /** Of the statements those about smaller trees than this. */
  before(size) {
    const before = new KeyHistory();
    for (const { note } of this.statements.filter((statement) => statement.size < size)) before.#add(note);
    return before;
  }

  #from(key, from) {
    this.keys.push({ key, from, until: null, compromised: null });
  }

  /** The keys that must sign a statement, if it fits. */
  #signersOf({ change, key, successor }) {
    const own = this.keys.at(-1)?.key;
    if (!own) throw new Malformed('the first statement is not of a rotation');
    if (change === 'rotated') {
      if (!isSame(own, key)) throw new Malformed("it rotates another key than the ledger's own at that time");
      if (this.keys.filter((span) => span.until === null).length > 1) throw new Malformed('it rotates a key whose own predecessor still signs');
      if (this.keys.some((span) => hex(span.key.publicKey) === hex(successor.publicKey))) throw new Malformed('its new key is one that the ledger has had');
      return [key, successor];
    }
    const span = this.keys.find((known) => known.key.id === key.id);
    const fits = span && isSame(span.key, key) && !isSame(key, own) && (change === 'retired' ? span.until : span.compromised) === null;
    if (!fits) {
      throw new Malformed(change === 'retired'
        ? 'it retires a key that has no successor, or signs no more'
        : 'it gives up a key that has no successor, or was given up before, or is unknown');
    }
    return [own];
  }

  #apply({ change, key, successor, from, size }) {
    if (change === 'rotated') {
      this.#from(successor, size);
      return;
    }
    for (const span of this.keys.filter((known) => isSame(known.key, key))) {
      span.until ??= size;
      if (change === 'compromised') span.compromised = from;
    }
  }
}

/**
 * Reads the history of a pack: `none` where it has none, and why not where it can't be read. Of trees as large as the
 * checkpoint's or larger it says nothing: who has an old key would have a new one vouch for it.
 */
export async function readHistory(pack, size) {
  if (!pack.files.has(KEY_HISTORY)) return { history: new KeyHistory(), invalid: null };
  try {
    const history = KeyHistory.parse(await load(pack.files.get(KEY_HISTORY), LIMITS.text));
    const beyond = history.statements.find((statement) => size !== null && statement.size >= size);
    return beyond ? { history: history.before(size), invalid: null, beyond: beyond.size } : { history, invalid: null };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return { history: new KeyHistory(), invalid: error.message };
  }
}

/**
 * The keys that trust in one of them leads to. It goes forward over a rotation because the trusted key signed it, and
 * backward because the trusted successor did; and not forward over a rotation that was made beyond the point from which
 * the older key is known to be in other hands, because that may be the thief's.
 */
export class Keyring {
  spans = [];
  steps = [];
  broken = null;
  stranger = false;
  #history;

  constructor(trusted, history) {
    this.trusted = trusted;
    this.#history = history;
    const at = history.keys.findIndex((span) => isSame(span.key, trusted));
    this.stranger = at < 0 && history.keys.length > 0;
    if (at < 0) return;
    // The rotation number `n` leads from key `n` to the one after it.
    const rotations = history.statements.filter(({ change }) => change === 'rotated');
    this.steps = rotations.slice(0, at).reverse().map(({ key, successor, number, size }) => ({ by: successor, to: key, number, size }));
    let reached = at;
    for (const { key, successor, number, size } of rotations.slice(at)) {
      const { compromised } = history.keys[reached];
      if (compromised !== null && size > compromised) {
        this.broken = { key, from: compromised, rotated: size };
        break;
      }
      this.steps.push({ by: key, to: successor, number, size });
      reached += 1;
    }
    // One that is older than the trusted key signs alone as long as its successor does not sign: an old history can leave
    // out that it was retired or given up.
    this.spans = history.keys.slice(0, reached + 1).map((span, number) => {
      const from = history.keys[number + 1]?.from;
      return number < at && (span.until === null || from < span.until) ? { ...span, until: from } : span;
    });
  }

  /** The newest key that trust reaches. */
  get current() {
    return this.spans.at(-1)?.key ?? this.trusted;
  }

  /** Whether a key of the history is one that trust does not reach. */
  isBeyond(vkey) {
    const trusts = (key) => this.spans.some((span) => isSame(span.key, key));
    return this.spans.length > 0 && this.#history.keys.some(({ key }) => key.vkey === vkey && !trusts(key));
  }

  /** Checks who signed a checkpoint: the kind of finding and what was found, or whose signature it is. */
  verify(checkpoint) {
    const { size, note, origin } = checkpoint;
    if (origin !== this.trusted.name) return { wrong: checkSignature(checkpoint, this.trusted) };
    const names = (key) => note.signatures.some((line) => line.name === key.name && line.id === key.id);
    // A line of any key that trust reaches and that does not verify refuses the note, whatever others say.
    const bad = [this.trusted, ...this.spans.map(({ key }) => key)].find((key) => names(key) && !isSignedBy(note, key));
    if (bad) return { wrong: ['checkpoint_untrusted', `the signature by ${bad.name} does not verify`] };
    let wrong = null;
    for (const span of [...this.spans].reverse().filter(({ key }) => names(key))) {
      const stands = span.compromised === null || size <= span.compromised;
      if (stands && span.from <= size && (span.until === null || size <= span.until)) return { wrong: null, by: span.key };
      const range = span.until === null ? `${span.from} on` : `${span.from} to ${span.until}`;
      wrong = stands
        ? ['key_out_of_range', `the ledger's key ${span.key.id} was to sign trees of size ${range}, and this is of size ${size}`]
        : ['key_compromised', `the ledger's key ${span.key.id} is compromised: its signatures stand up to size ${span.compromised}, and this is of size ${size}`];
    }
    wrong ??= checkSignature(checkpoint, this.trusted);
    return { wrong, by: wrong ? undefined : this.trusted };
  }
}

const isChange = ({ source, type }) => source === SOURCE && Object.values(EVENT_TYPES).includes(type);

/** Holds the statements against the entries of a bundle that record them; gives the numbers of those whose entry went by. */
export function observe(history, { span, lines }, findings) {
  const seen = [];
  const place = (statement) => lines[statement.size - span.first];
  const expected = history.statements.filter(({ size }) => size >= span.first && size < span.first + lines.length);
  const incomplete = (index, expects, found) => findings.push(finding('key_history_incomplete', index, expects, found, KEY_HISTORY));
  lines.forEach((line, at) => {
    if (!line || !isChange(line)) return;
    const statement = expected.findIndex((one) => one.size === span.first + at && EVENT_TYPES[one.change] === line.type && one.digest === line.eventId);
    if (statement >= 0) seen.push(expected.splice(statement, 1)[0].number);
    else incomplete(span.first + at, `the statement with the digest ${line.eventId}, which this entry records`, 'none at this size in the history of keys');
  });
  // An entry that can't be read is a finding of its own.
  for (const statement of expected.filter(place)) {
    seen.push(statement.number);
    incomplete(statement.size, `an entry ${EVENT_TYPES[statement.change]} with the event id ${statement.digest}, which records statement ${statement.number}`, 'another entry');
  }
  return seen;
}

/** What is wrong with a history under the trusted key, beside its entries; `rootAt` gives the root at a size, or `null`. */
export function judgeHistory({ history, invalid, beyond }, ring, seen, size, rootAt) {
  const findings = [];
  const add = (kind, expected, found) => findings.push(finding(kind, null, expected, found, KEY_HISTORY));
  if (invalid !== null) add('key_history_invalid', "a history of the ledger's keys", invalid);
  if (beyond !== undefined) add('key_history_invalid', `statements about trees of less than the checkpoint's ${size} entries`, `one about ${beyond} entries`);
  if (ring?.broken) {
    const { key, from, rotated } = ring.broken;
    add('key_compromised', `a rotation of the trusted key ${key.id}, or of one that it leads to, at size ${from} or before`,
      `one at size ${rotated}: the key is compromised beyond ${from}, so that rotation may be a thief's`);
  }
  if (ring?.stranger) add('key_history_invalid', `a history of keys that names the trusted key ${ring.trusted.vkey}`, `one of ${history.keys.map(({ key }) => key.id).join(', ')}`);
  const unrooted = [];
  for (const statement of history.statements) {
    const root = statement.size <= size ? rootAt(statement.size) : null;
    if (root === null) unrooted.push(statement.number);
    else if (hex(root) !== hex(statement.root)) add('key_history_invalid', `root ${hex(root)} at size ${statement.size}, in statement ${statement.number}`, `root ${hex(statement.root)}`);
  }
  const unseen = history.statements.map(({ number }) => number).filter((number) => !seen.has(number));
  return { findings, unrooted, unseen };
}
