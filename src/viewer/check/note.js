// Signed notes, keys and checkpoints of C2SP.

import { Malformed, fromBase64, hex, integer, same, text, utf8 } from './bytes.js';
import { isPublicKey, verifies } from './ed25519.js';
import { sha256 } from './hashes.js';

/** A key's name, where this is one. */
export const keyName = (name) => {
  if (name === '' || /[\p{White_Space}\p{Cc}+]/u.test(name) || utf8(name).length > 255) {
    throw new Malformed('not a key name: 1 to 255 bytes, no white space, no +');
  }
  return name;
};

/** Reads `<name>+<id>+<base64>`; throws `Malformed` with what is wrong with it. */
export function parseKey(vkey) {
  const [, name, id, base64] = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/su.exec(vkey) ?? [];
  if (name === undefined) throw new Malformed('a key has the form name+8 hexadecimal digits+base64');
  keyName(name);
  let typed;
  try {
    typed = fromBase64(base64);
  } catch {
    throw new Malformed('what follows the id is not base64');
  }
  if (typed[0] !== 1 || typed.length !== 33) throw new Malformed("a ledger's key is an Ed25519 key: the byte 1, then 32 bytes");
  if (!isPublicKey(typed.subarray(1))) throw new Malformed('these 32 bytes are not an Ed25519 public key');
  const expected = sha256(new Uint8Array([...utf8(`${name}\n`), ...typed])).subarray(0, 4);
  if (hex(expected) !== id) throw new Malformed('its id does not fit the rest: it was mistyped, or cut');
  return { name, id, publicKey: typed.subarray(1), vkey: `${name}+${id}+${base64}` };
}

/** Reads a signed note; throws `Malformed`. */
export function parseNote(bytes) {
  if (bytes.length > 1_000_000) throw new Malformed(`the note has ${bytes.length} bytes, over the limit of 1000000`);
  const note = text(bytes, 'the note');
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) throw new Malformed('the note has control characters');
  const cut = note.lastIndexOf('\n\n');
  if (cut < 0 || !note.endsWith('\n') || cut + 2 >= note.length) throw new Malformed('the note has no signature block behind a blank line');
  const lines = note.slice(cut + 2, -1).split('\n');
  if (lines.length > 100) throw new Malformed('the note has over 100 signatures');
  const signatures = lines.map((line, at) => {
    try {
      const [, name, base64] = /^— ([^ ]+) ([^ ]+)$/u.exec(line);
      const raw = fromBase64(base64);
      if (raw.length < 5) throw new Malformed('too short');
      return { name: keyName(name), id: hex(raw.subarray(0, 4)), signature: raw.subarray(4) };
    } catch {
      throw new Malformed(`line ${at + 1} of the signature block is not "— <name> <base64>"`);
    }
  });
  return { text: note.slice(0, cut + 1), signatures, whole: note };
}

/** Reads a checkpoint, and checks its form, not its signatures; throws `Malformed`. */
export function parseCheckpoint(bytes) {
  const note = parseNote(bytes);
  const lines = note.text.slice(0, -1).split('\n');
  if (lines.length < 3) throw new Malformed('not a checkpoint: it has no origin, size and root');
  const [origin, size, root, ...extensions] = lines;
  if (extensions.includes('')) throw new Malformed('not a checkpoint: an extension line is empty');
  keyName(origin);
  const count = integer(size);
  if (count === null) throw new Malformed('not a checkpoint: the size is not a decimal number in its one form');
  const hash = fromBase64(root);
  if (hash.length !== 32) throw new Malformed('not a checkpoint: the root does not have 32 bytes');
  if (count === 0 && !same(hash, sha256(new Uint8Array()))) throw new Malformed('not a checkpoint: the root of an empty ledger is not the hash of nothing');
  return { origin, size: count, root: hash, note, extended: extensions.length > 0 };
}

/** Whether a key signed a note: there is a line that names it, and every such line verifies. */
export function isSignedBy(note, key) {
  const lines = note.signatures.filter((line) => line.name === key.name && line.id === key.id);
  return lines.length > 0 && lines.every((line) => verifies(line.signature, utf8(note.text), key.publicKey));
}

/** Checks that a key signed a checkpoint: `null`, or the kind of finding and what was found. */
export function checkSignature({ origin, note }, key) {
  if (origin !== key.name) return ['other_ledger', `this is a checkpoint of ${origin}, not of ${key.name}`];
  if (!note.signatures.some((line) => line.name === key.name && line.id === key.id)) return ['checkpoint_untrusted', `the note is not signed by ${key.vkey}`];
  return isSignedBy(note, key) ? null : ['checkpoint_untrusted', `the signature by ${key.name} does not verify`];
}
