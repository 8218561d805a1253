// Where a pack's files come from: this page itself, a chosen zip file, or a chosen directory.

import { Malformed } from './bytes.js';
import { openZip } from './zip.js';

/** The pack that this page carries inside itself; `null` where it carries none. */
export function openEmbedded(document) {
  const files = new Map();
  for (const element of document.querySelectorAll('script[data-file]')) {
    const { file, encoding } = element.dataset;
    files.set(file, { get base64() { return element.textContent; }, encoding });
  }
  return files.size === 0 ? null : { name: 'this page', embedded: true, files, problems: [], containerDigest: null };
}

/** A zipped pack. `digest` hashes a blob with BLAKE3 in a worker, beside the checks: one core's work of seconds for 100 MB. */
export async function openFile(file, digest) {
  const { files, problems, containerEnd } = await openZip(file);
  const containerDigest = containerEnd === null ? null : digest({ blob: file.slice(0, containerEnd) });
  // Whoever awaits it hears of a failure; nobody does where the pack turns out to be none.
  containerDigest?.catch(() => {});
  return { name: file.name ?? 'the file', embedded: false, files, problems, containerDigest };
}

/** An unpacked pack: pairs of a path below the chosen directory, and a file. */
export function openDirectory(name, pairs) {
  const files = new Map(pairs.map(([path, blob]) => [path, { blob, encoding: 'none' }]));
  if (!files.has('checkpoint') && !files.has('manifest.json')) throw new Malformed('this is no pack: it has neither a checkpoint nor a manifest.json');
  return { name, embedded: false, files, problems: [], containerDigest: null };
}
