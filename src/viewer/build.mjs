// Builds the page that every audit pack carries: `npm ci && npm run build` writes dist/index.html.
//
// The program is put in as esbuild joins it, not minified, so that whoever opens the page's source can read it.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const here = (path) => new URL(path, import.meta.url).pathname;
const read = (path) => readFileSync(here(path), 'utf8');

async function bundle(entry) {
  const { outputFiles } = await build({
    entryPoints: [here(entry)], absWorkingDir: here('.'), bundle: true, write: false,
    format: 'iife', target: 'es2022', charset: 'utf8', treeShaking: true, legalComments: 'none',
  });
  const code = outputFiles[0].text;
  // Either would end the element that the program stands in.
  if (/<\/script|<!--/i.test(code)) throw new Error(`${entry} has text that can't stand in a script element`);
  return `\n${code}`;
}

const parts = {
  main: await bundle('page/main.js'),
  worker: await bundle('check/worker.js'),
  style: `\n${read('page/style.css')}`,
  licence: ['hashes', 'ed25519'].map((name) => read(`node_modules/@noble/${name}/LICENSE`)).join('\n').replace(/&/g, '&amp;').replace(/</g, '&lt;'),
  'hashes-version': JSON.parse(read('node_modules/@noble/hashes/package.json')).version,
  'ed25519-version': JSON.parse(read('node_modules/@noble/ed25519/package.json')).version,
};
const digest = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
parts.csp = [
  "default-src 'none'",
  `script-src ${digest(parts.main)} blob:`,
  'worker-src blob:',
  `style-src ${digest(parts.style)}`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

const page = read('page/page.html').replace(/\{\{([a-z0-9-]+)\}\}/g, (_, name) => {
  if (!(name in parts)) throw new Error(`the page asks for ${name}, which is not there`);
  return parts[name];
});
writeFileSync(process.argv[2] ?? here('dist/index.html'), page);
