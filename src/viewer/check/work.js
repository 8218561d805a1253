// What is done beside the page, one piece after the other: checking a bundle, looking for a text in it, and hashing a file or a zip.

import { Malformed, hex, pieces } from './bytes.js';
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

/** Length and BLAKE3 of a file of the pack, or what is wrong with it. Once it is longer than it may be, no more of it is read. */
async function hash({ file, most }) {
  const hasher = fileHasher();
  let bytes = 0;
  try {
    for await (const piece of pieces(file)) {
      bytes += piece.length;
      hasher.update(piece);
      if (bytes > most) break;
    }
  } catch (error) {
    if (error instanceof Malformed) return { problem: error.message };
    throw error;
  }
  return { bytes, blake3: hex(hasher.digest()) };
}

export const WORK = { check: checkBundle, digest, hash, search: (task) => searchBundle(task, task.needle) };
