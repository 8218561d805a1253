// What is done beside the page, one piece after the other: checking a bundle, looking for a text in it, and the digest of a zip.

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

export const WORK = { check: checkBundle, digest, search: (task) => searchBundle(task, task.needle) };
