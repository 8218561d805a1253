// How long Chromium takes from opening a page to its verdict: `node time.mjs INDEX.HTML VKEY [PACK.ZIP]`, with the files
// inside the page, or with a pack that is chosen there. Five times, a new browser each. A pack to time, of 100,096 entries:
// `cargo bench --bench ledger -- make 100096 DIR`, and then `unzip DIR/pack.zip index.html`.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { chromium } from 'playwright-core';

const [path, key, pack] = process.argv.slice(2);
const executablePath = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
for (let run = 0; run < 5; run += 1) {
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--no-first-run'] });
  const page = await browser.newPage();
  const started = performance.now();
  await page.goto(`file://${resolve(path)}`);
  if (pack) await page.setInputFiles('#file', pack);
  await page.waitForFunction(() => document.body.classList.contains('ready'), null, { timeout: 120_000 });
  const read = performance.now();
  await page.fill('#key', key);
  await page.click('#key-form button');
  await page.waitForFunction(() => document.querySelector('#verdict').dataset.verdict === 'verified', null, { timeout: 120_000 });
  const seconds = (from, to) => ((to - from) / 1000).toFixed(1);
  console.log(`checked ${seconds(started, read)} s, verified with the key ${seconds(started, performance.now())} s`);
  await browser.close();
}
