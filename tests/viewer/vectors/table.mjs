// The tables in tests/vectors, read by the page's own reader.

import { readFileSync } from 'node:fs';
import { parse, plain } from '../../../src/viewer/check/json.js';

export const open = (name) => readFileSync(new URL(`../../vectors/${name}`, import.meta.url));
export const table = (name) => plain(parse(open(name).toString()));
