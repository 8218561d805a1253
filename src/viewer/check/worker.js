// A worker: does what it is told by `work`, and answers.

import { WORK } from './work.js';

self.onmessage = async ({ data: { id, kind, task } }) => {
  try {
    self.postMessage({ id, result: await WORK[kind](task) });
  } catch (error) {
    self.postMessage({ id, error: String(error?.message ?? error) });
  }
};
