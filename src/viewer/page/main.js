// The page: opens a pack, has it checked, and shows what came of it. It remembers nothing and talks to nobody.

import { Malformed, rfc3339 } from '../check/bytes.js';
import { parseKey } from '../check/note.js';
import { openDirectory, openEmbedded, openFile } from '../check/open.js';
import { gather, judge } from '../check/verify.js';
import { h, number, plural, put, shortTime, $ } from './dom.js';
import { showEntry } from './entry.js';
import { sayKey, showKeys } from './keys.js';
import { List } from './list.js';
import { showTimeline, typeName, typesOf } from './timeline.js';
import { showChecked, showFacts, showFindings, showPopulation, showVerdict } from './verdict.js';
import { Workers } from './workers.js';

const PRINTED_MAX = 500;
let workers;
let gathered = null;
let report = null;
let trusted = null;
let rows = [];
let list;
let period = null;
let inPayloads = { text: '', found: new Set() };

function start() {
  $('theme').addEventListener('click', turnTheme);
  $('key-form').addEventListener('submit', takeKey);
  $('filters').addEventListener('submit', (event) => event.preventDefault());
  $('file').addEventListener('change', ({ target }) => target.files[0] && open(() => openFile(target.files[0], digest)));
  $('folder').addEventListener('change', ({ target }) => target.files.length > 0 && open(async () => chosenFolder([...target.files])));
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', takeDrop);
  window.addEventListener('beforeprint', printedList);
  for (const id of ['type', 'source', 'text', 'from', 'until', 'only']) $(id).addEventListener('input', () => filter());
  $('clear').addEventListener('click', clear);
  list = new List((row, focus) => showEntry(row, gathered, report, focus));
  workers = new Workers($('worker').textContent);
  workers.onbroken = (why) => fail(`This browser can’t run the checks: ${why}`);
  const pack = openEmbedded(document);
  if (pack) open(async () => pack);
  else {
    $('verdict').dataset.verdict = 'none';
    // Until there is something to look at, this is what there is to do.
    $('key-form').before($('open'));
  }
}

const digest = (task) => workers.run('digest', task);

/** Opens a pack and has it checked, from the beginning. */
async function open(opener) {
  $('open-problem').textContent = '';
  $('progress').hidden = false;
  $('verdict').dataset.verdict = 'working';
  put('verdict-words', h('h2', { id: 'verdict-title', tabindex: '-1' }, 'Checking…'));
  document.body.classList.remove('ready');
  try {
    gathered = await gather(await opener(), (kind, task) => workers.run(kind, task), showProgress);
  } catch (error) {
    if (!(error instanceof Malformed)) console.error(error);
    fail(error.message);
    return;
  }
  rows = gathered.reports.flatMap((one) => (one.lines ?? []).map((line, place) => (line ? Object.assign(line, { at: one.span.first + place, report: one, place }) : unreadable(one, place))));
  fillFilters();
  conclude();
}

const unreadable = (one, place) => ({ at: one.span.first + place, report: one, place, recorded: 0n, type: 'unreadable', source: '', subject: '', eventId: 'unreadable', producer: '', withheld: 0 });

function fail(why) {
  $('progress').hidden = true;
  $('verdict').dataset.verdict = 'none';
  put('verdict-words', h('h2', { id: 'verdict-title' }, 'Nothing was checked'));
  $('open-problem').textContent = `${why[0].toUpperCase()}${why.slice(1)}.`;
}

let said = -1;
function showProgress(done, total) {
  const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
  $('bar').value = percent;
  $('bar-figures').textContent = `${number(done)} of ${number(total)} entries`;
  if (Math.floor(percent / 25) !== said) {
    said = Math.floor(percent / 25);
    $('live').textContent = `Checked ${percent} percent.`;
  }
}

/** Reaches and shows the verdict under the key that is trusted now. */
function conclude() {
  report = judge(gathered, trusted);
  showFacts(gathered, report);
  showVerdict(report);
  showChecked(report);
  showFindings(report, openIndex);
  showKeys(gathered, report);
  showPopulation(report);
  document.body.classList.add('ready');
  $('elsewhere').append($('open'));
  const known = rows.filter((row) => row.type !== 'unreadable');
  showTimeline(known, typesOf(known), (from, until, name) => { period = { from, until, name }; filter(); });
  filter();
  $('live').textContent = `${$('verdict-title').textContent}. ${plural(report.findings.total, 'finding')}, ${plural(report.breaks.confirmed, 'confirmed break')}.`;
  sayKey(gathered, report);
}

function takeKey(event) {
  event.preventDefault();
  $('key-problem').textContent = '';
  $('key').removeAttribute('aria-invalid');
  try {
    trusted = $('key').value.trim() === '' ? null : parseKey($('key').value.trim());
  } catch (error) {
    trusted = null;
    $('key-problem').textContent = `That is not a key: ${error.message}.`;
    $('key').setAttribute('aria-invalid', 'true');
  }
  if (!gathered) return;
  conclude();
  if (!$('key-problem').textContent) $('verdict-title').focus();
}

function chosenFolder(files) {
  const cut = (path) => path.slice(path.indexOf('/') + 1);
  return openDirectory(files[0].webkitRelativePath.split('/')[0], files.map((file) => [cut(file.webkitRelativePath), file]));
}

async function takeDrop(event) {
  event.preventDefault();
  const item = event.dataTransfer.items[0]?.webkitGetAsEntry?.();
  const file = event.dataTransfer.files[0];
  if (item?.isDirectory) open(async () => openDirectory(item.name, await walk(item, '')));
  else if (file) open(() => openFile(file, digest));
}

async function walk(directory, prefix) {
  const reader = directory.createReader();
  const found = [];
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return found;
    for (const entry of entries) {
      if (entry.isDirectory) found.push(...await walk(entry, `${prefix}${entry.name}/`));
      else found.push([prefix + entry.name, await new Promise((resolve, reject) => entry.file(resolve, reject))]);
    }
  }
}

function fillFilters() {
  const options = (values, name) => [h('option', { value: '' }, 'any'), ...values.slice(0, 500).map((value) => h('option', { value }, name(value)))];
  put('type', options(typesOf(rows).map(({ type }) => type), typeName));
  const sources = new Map();
  for (const { source } of rows) sources.set(source, (sources.get(source) ?? 0) + 1);
  put('source', options([...sources].sort((a, b) => b[1] - a[1]).map(([source]) => source), (source) => source || '(unreadable)'));
}

/** Narrows the list, and then looks into the payloads for the text. */
function filter() {
  if (!report) return;
  const [type, source, text, only] = ['type', 'source', 'text', 'only'].map((id) => $(id).value);
  const needle = text.trim().toLowerCase();
  const from = $('from').value && BigInt(Date.parse(`${$('from').value}Z`)) * 1_000_000n;
  const until = $('until').value && BigInt(Date.parse(`${$('until').value}Z`)) * 1_000_000n;
  const broken = report.breaks.listed.flatMap((one) => one.found);
  const marked = new Set([...report.findings.listed, ...broken].map((one) => one.index));
  const found = inPayloads.text === needle ? inPayloads.found : new Set();
  const holds = (row) => `${row.at} ${row.type} ${row.source} ${row.eventId} ${row.subject} ${row.producer}`.toLowerCase().includes(needle) || found.has(row.at);
  const within = ({ recorded }) => !period || (recorded >= BigInt(period.from) * 1_000_000_000n && recorded < BigInt(period.until) * 1_000_000_000n);
  const kept = rows.filter((row) => (!type || row.type === type) && (!source || row.source === source)
    && (only !== 'withheld' || row.withheld > 0) && (only !== 'findings' || marked.has(row.at))
    && (!from || row.recorded >= from) && (!until || row.recorded <= until) && within(row) && (!needle || holds(row)));
  list.show(kept, marked);
  $('shown').textContent = `${number(kept.length)} of ${plural(rows.length, 'entry', 'entries')}${period ? `, ${period.name}` : ''}`;
  if (needle.length > 1 && inPayloads.text !== needle) searchPayloads(needle);
}

function clear() {
  $('filters').reset();
  period = null;
  filter();
}

async function searchPayloads(needle) {
  inPayloads = { text: needle, found: new Set() };
  const mine = inPayloads;
  workers.drop('search');
  await new Promise((done) => setTimeout(done, 250));
  if (mine !== inPayloads) return;
  $('shown').textContent += ', looking into payloads…';
  await Promise.all(gathered.reports.map(async ({ files, span }) => {
    for (const place of await workers.run('search', { files, needle })) mine.found.add(span.first + place);
  }));
  if (mine === inPayloads) filter();
}

function openIndex(index) {
  const row = rows.find((one) => one.at === index);
  if (!row) return;
  clear();
  list.reveal(index);
  showEntry(row, gathered, report, true);
}

/** What the printed page has instead of the list. */
function printedList() {
  if (!list || !report) return;
  const shown = list.rows.slice(0, PRINTED_MAX);
  put('printed', h('caption', {}, `The first ${number(shown.length)} of ${number(list.rows.length)} entries as filtered, of ${number(rows.length)}`),
    h('thead', {}, h('tr', {}, ['Entry', 'Recorded (UTC)', 'Type', 'Subject', 'Source'].map((name) => h('th', { scope: 'col' }, name)))),
    h('tbody', {}, shown.map((row) => h('tr', {}, h('td', { class: 'num' }, number(row.at)), h('td', { class: 'when' }, shortTime(rfc3339(row.recorded))), h('td', {}, typeName(row.type)), h('td', {}, row.subject || row.eventId), h('td', {}, row.source)))));
}

function turnTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
  $('theme').setAttribute('aria-pressed', String(!dark));
}

document.addEventListener('DOMContentLoaded', start);
