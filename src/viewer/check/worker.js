// What a worker does: one bundle at a time, and the digest of a zip.

import { hex } from './bytes.js';
import { checkBundle, searchBundle } from './chunk.js';
import { fileHasher } from './hashes.js';

/** BLAKE3 of the first bytes of a file, piece by piece. */
async function digest({ blob }) {
  const hasher = fileHasher();
  for (let at = 0; at < blob.size; at += 1 << 22) {
    hasher.update(new Uint8Array(await blob.slice(at, at + (1 << 22)).arrayBuffer()));
  }
  return hex(hasher.digest());
}

const WORK = { check: checkBundle, digest, search: (task) => searchBundle(task, task.needle) };

self.onmessage = async ({ data: { id, kind, task } }) => {
  try {
    self.postMessage({ id, result: await WORK[kind](task) });
  } catch (error) {
    self.postMessage({ id, error: String(error?.message ?? error) });
  }
};
