// Ed25519, keys, notes and checkpoints against tests/vectors/ed25519.json and notes.json.

import assert from 'node:assert/strict';
import { Malformed, fromHex, hex, utf8 } from '../../../src/viewer/check/bytes.js';
import { isPublicKey, verifies } from '../../../src/viewer/check/ed25519.js';
import { checkSignature, parseCheckpoint, parseKey, parseNote } from '../../../src/viewer/check/note.js';
import { table } from './table.mjs';

const { signatures } = table('ed25519.json');
for (const { public: key, message, signature, reason } of signatures) {
  const holds = verifies(fromHex(signature), fromHex(message), fromHex(key));
  assert.equal(holds, reason === undefined, reason ?? 'a good signature');
  if (!reason) assert.ok(isPublicKey(fromHex(key)));
}

const { vkeys, notes, checkpoints } = table('notes.json');
const bytesOf = (row) => (row.note_hex === undefined ? utf8(row.note) : fromHex(row.note_hex));

/** What comes of reading a row: `ok`, or the word for why not. */
function resultOf(read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof Malformed) return 'malformed';
    throw error;
  }
}

for (const row of vkeys) {
  const result = resultOf(() => {
    const key = parseKey(row.vkey);
    assert.deepEqual([key.name, key.id, hex(key.publicKey), key.vkey], [row.name, row.id, row.public, row.vkey]);
    return 'ok';
  });
  assert.equal(result, row.result, row.reason ?? row.vkey);
}
for (const row of notes) {
  const result = resultOf(() => {
    const note = parseNote(bytesOf(row));
    const key = parseKey(row.vkey);
    if (checkSignature({ origin: key.name, note }, key)) return 'untrusted';
    assert.equal(note.text, row.text);
    return 'ok';
  });
  assert.equal(result, row.result, row.reason ?? row.note);
}
for (const row of checkpoints) {
  const result = resultOf(() => {
    const checkpoint = parseCheckpoint(bytesOf(row));
    const wrong = checkSignature(checkpoint, parseKey(row.vkey));
    if (wrong) return wrong[0].replace('checkpoint_', '');
    assert.deepEqual([checkpoint.origin, checkpoint.size, hex(checkpoint.root)], [row.origin, row.size, row.root]);
    return 'ok';
  });
  assert.equal(result, row.result, row.reason ?? row.note);
}
console.log(`${signatures.length} signatures, ${vkeys.length} keys, ${notes.length} notes, ${checkpoints.length} checkpoints`);
