// Opens pages in Chromium and says what they show: `node run.mjs CASES.json [SCREENSHOTS]`.
//
// CASES.json is a list of `{ name, page, pack, key, verdict, findings, entries, problem }`: a page with its files inside, or
// an empty page and a pack to choose; the key to give; what should be found; or why nothing can be. Prints `ok NAME` or `not ok NAME: why` a line.

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);
const [casesFile, shots] = process.argv.slice(2);
const cases = JSON.parse(readFileSync(casesFile, 'utf8'));
const executablePath = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
if (shots) mkdirSync(shots, { recursive: true });
const shoot = async (page, name, fullPage = true) => shots && page.screenshot({ path: `${shots}/${name.replaceAll(/[^a-z0-9]+/gi, '-')}.png`, fullPage });
let failed = 0;

/** Opens a page that may not complain: no error, no broken rule of its policy, no request but for itself. */
async function visit({ page: path, pack, key }, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => !/^(file|blob|data):/.test(request.url()) && complaints.push(`a request to ${request.url()}`));
  await page.goto(`file://${path}`);
  if (pack) await page.setInputFiles('#file', pack);
  await page.waitForFunction(() => document.body.classList.contains('ready') || document.querySelector('#open-problem').textContent !== '', null, { timeout: 120_000 });
  if (key) {
    await page.fill('#key', key);
    await page.click('#key-form button');
  }
  return { page, complaints, context };
}

async function test(name, body) {
  try {
    await body();
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok ${name}: ${String(error.message ?? error).replaceAll('\n', ' | ')}`);
  }
}

function equal(found, expected, what) {
  if (JSON.stringify(found) !== JSON.stringify(expected)) throw new Error(`${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`);
}

/** The kinds and indexes of the findings that are shown. */
const findings = (page) => page.$$eval('#findings-body .findings > li', (items) => items.map((item) => {
  const place = item.querySelector('h3 button')?.textContent ?? item.querySelector('h3 .place')?.textContent;
  return [item.querySelector('.kind code').textContent, place ? Number(place.replace(/[^0-9]/g, '')) : null];
}));

const left = [...cases];
const judge = async () => {
  for (let one = left.shift(); one; one = left.shift()) await test(one.name, async () => {
    const { page, complaints, context } = await visit(one);
    if (one.problem) {
      const problem = await page.textContent('#open-problem');
      if (!problem.toLowerCase().includes(one.problem)) throw new Error(`it says ${JSON.stringify(problem)}`);
    } else {
      equal(await page.getAttribute('#verdict', 'data-verdict'), one.verdict, 'verdict');
      const order = (list) => list.map((one) => JSON.stringify(one)).sort();
      equal(order(await findings(page)), order(one.findings), 'findings');
      const confirmed = await page.$$eval('.known > li', (all) => new Set(all.filter((item) => !item.querySelector('h4').textContent.includes('no longer found')).map((item) => item.textContent)).size);
      equal(confirmed, one.breaks, 'confirmed breaks');
    }
    equal(complaints, [], 'complaints');
    await shoot(page, one.name, false);
    await context.close();
  });
};
// Two at a time: while one page hashes, another is opened.
await Promise.all([judge(), judge()]);

const good = cases[0];
const rotated = cases.find(({ name }) => name === 'rotated, with key 1');

await test('the keyboard alone gives the key, narrows the list and opens an entry', async () => {
  const { page, context } = await visit({ ...good, key: null });
  const tabTo = async (selector) => {
    for (let presses = 0; presses < 80; presses += 1) {
      await page.keyboard.press('Tab');
      if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
    }
    throw new Error(`${selector} can't be reached`);
  };
  await tabTo('.skip');
  await tabTo('#key');
  await page.keyboard.type(good.key);
  await page.keyboard.press('Enter');
  equal(await page.evaluate(() => document.activeElement.id), 'verdict-title', 'where the focus is');
  equal(await page.textContent('#verdict-title'), 'Verified', 'verdict');
  await tabTo('.bar');
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await tabTo('#text');
  await page.keyboard.type('nothing like this');
  await page.waitForFunction(() => document.querySelector('#shown').textContent.startsWith('0 of'));
  await tabTo('#clear');
  await page.keyboard.press('Enter');
  await tabTo('#list');
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#entry-title');
  const title = await page.textContent('#entry-title');
  if (!title.startsWith(`Entry ${(good.entries - 2).toLocaleString('en')}`)) throw new Error(title);
  await tabTo('.node');
  await context.close();
});

await test('a text inside a payload is found', async () => {
  const { page, context } = await visit(good);
  await page.fill('#text', good.inPayload);
  await page.waitForFunction(() => /^1 of/.test(document.querySelector('#shown').textContent), null, { timeout: 10_000 });
  await context.close();
});

await test('the proof of every tenth entry leads to the signed root', async () => {
  const { page, context } = await visit(good);
  for (let step = 0; step < good.entries; step += Math.ceil(good.entries / 10)) {
    await page.fill('#text', '');
    await page.focus('#list');
    await page.keyboard.press('Home');
    for (let at = 0; at < step; at += 1) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.proof .root');
    equal(await page.$$eval('.proof .wrong', (wrong) => wrong.length), 0, `wrong proofs of entry ${step}`);
  }
  await context.close();
});

await test('a mistyped key is refused, and the verdict is not that of any key', async () => {
  const { page, context } = await visit({ ...good, key: good.key.replace('+', '+0') });
  equal(await page.getAttribute('#verdict', 'data-verdict'), 'unconfirmed', 'verdict');
  if ((await page.textContent('#key-problem')) === '') throw new Error('nothing is said');
  await context.close();
});

for (const colorScheme of ['light', 'dark']) {
  await test(`axe finds nothing in ${colorScheme} colours`, async () => {
    for (const one of [good, rotated, ...['altered', 'verified_with_confirmed_breaks'].map((verdict) => cases.find((one) => one.verdict === verdict))]) {
      const { page, context } = await visit(one, { colorScheme, reducedMotion: 'reduce' });
      await page.click('#list .row:nth-child(2)');
      await page.waitForSelector('.proof');
      // The page's own rules keep foreign scripts out; a debugger's evaluation is not bound by them.
      await page.evaluate(readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'));
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      await shoot(page, `${colorScheme}-${one.name}`);
      equal(violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 120)).join(' ; ')}`), [], 'violations');
      await context.close();
    }
  });
}

await test('it fits a telephone, and a page that is zoomed fourfold', async () => {
  const others = ['altered', 'verified_with_confirmed_breaks', 'incomplete'].map((verdict) => cases.find((one) => one.verdict === verdict));
  for (const one of [good, rotated, ...others].filter(Boolean)) {
    for (const width of [390, 320]) {
      const { page, context } = await visit(one, { viewport: { width, height: 844 } });
      await page.click('#list .row:nth-child(2)');
      await page.waitForSelector('.proof');
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      await shoot(page, `${width} wide, ${one.name}`);
      equal(over, 0, `pixels beyond the edge of ${width}, ${one.name}`);
      await context.close();
    }
  }
});

await test('it follows the history of keys, and shows it', async () => {
  const { page, context } = await visit(rotated);
  equal(await page.getAttribute('#verdict', 'data-verdict'), 'verified', 'verdict');
  equal(await page.$$eval('#keys-body tbody tr', (rows) => rows.map((row) => row.lastChild.textContent.split(' ').slice(0, 2).join(' '))), ['the key', 'reached from', 'reached from'], 'keys');
  equal(await page.$$eval('.statements li', (items) => items.length), 3, 'statements');
  if (!(await page.textContent('#key-state')).includes('older key')) throw new Error('it does not say that the key is an older one');
  await context.close();
});

await test('it prints on white, whatever the screen is, and names the key', async () => {
  for (const turned of [false, true]) {
    const { page, context } = await visit(good, { colorScheme: turned ? 'light' : 'dark' });
    if (turned) await page.click('#theme');
    const printed = await page.pdf({ path: shots && `${shots}/printed.pdf`, format: 'A4' });
    equal(printed.subarray(0, 5).toString(), '%PDF-', 'what is printed');
    equal(await page.$$eval('#printed tbody tr', (all) => all.length), Math.min(good.entries, 500), 'printed rows');
    await page.setViewportSize({ width: 680, height: 900 });
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    const colours = await page.evaluate(() => [document.body, document.querySelector('#facts')].map((one) => getComputedStyle(one)).map(({ backgroundColor, color }) => [backgroundColor, color]));
    equal([colours[0][0], colours[1][1]], ['rgb(255, 255, 255)', 'rgb(0, 0, 0)'], 'paper and ink');
    if (!(await page.innerText('#facts')).includes(good.key)) throw new Error('the key is not printed');
    equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, 'pixels beyond the paper');
    await context.close();
  }
});

await browser.close();
process.exit(failed === 0 ? 0 : 1);
