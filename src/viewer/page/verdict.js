// The verdict: a word, a shape, and a sentence; and the key it rests on.

import { rfc3339, hex } from '../check/bytes.js';
import { KINDS } from '../check/findings.js';
import { copyButton, h, hash, number, plural, put, s, shortTime, $ } from './dom.js';

const SHAPES = {
  verified: [s('circle', { cx: 24, cy: 24, r: 21 }), s('path', { d: 'M14 25l7 7 14-15' })],
  verified_with_confirmed_breaks: [s('circle', { cx: 24, cy: 24, r: 21 }), s('path', { d: 'M12 26l5 6 8-14M31 14v14M31 33v1' })],
  altered: [s('path', { d: 'M16 3h16l13 13v16l-13 13H16L3 32V16z' }), s('path', { d: 'M16 16l16 16M32 16L16 32' })],
  incomplete: [s('path', { d: 'M24 4l21 38H3z' }), s('path', { d: 'M24 18v12M24 35v1' })],
  unconfirmed: [s('circle', { cx: 24, cy: 24, r: 21, 'stroke-dasharray': '6 5' }), s('path', { d: 'M18 19a6 6 0 1 1 8 6c-2 1-2 2-2 4M24 34v1' })],
};

const WORDS = {
  verified: ['Verified', 'Every check that this page made passed, under the key you gave.'],
  verified_with_confirmed_breaks: ['Verified, with confirmed breaks', 'Something is wrong that the ledger itself admits. Every other check that this page made passed, under the key you gave.'],
  altered: ['Not verified', 'Something is wrong. Do not rely on this pack before it is explained.'],
  incomplete: ['Incomplete', 'What is here fits together, but it is not everything.'],
  unconfirmed: ['Not yet verified', 'Everything fits together. Whose signature it is, is open: give the key below.'],
};

export function showVerdict(report) {
  const [word, sentence] = WORDS[report.verdict];
  const kinds = [...new Set(report.findings.listed.map((one) => one.kind))];
  const reasons = report.verdict === 'altered' ? kinds.slice(0, 4).map((kind) => KINDS[kind][0]) : report.incomplete;
  const shape = s('svg', { viewBox: '0 0 48 48', 'aria-hidden': 'true', class: 'shape' }, SHAPES[report.verdict].map((part) => part.cloneNode()));
  $('verdict').dataset.verdict = report.verdict;
  put('verdict-words',
    shape,
    h('div', {},
      h('h2', { id: 'verdict-title', tabindex: '-1' }, word),
      h('p', { class: 'sentence' }, sentence),
      reasons.length > 0 && h('ul', { class: 'reasons' }, reasons.map((reason) => h('li', {}, reason))),
      report.verdict === 'altered' && h('p', {}, h('a', { href: '#findings' }, `See ${plural(report.findings.total, 'finding')}`)),
      report.breaks.confirmed > 0 && h('p', {}, h('a', { href: '#findings' }, `See ${plural(report.breaks.confirmed, 'confirmed break')}`), ': known damage, with who confirmed it, when and why.'),
      report.verdict === 'incomplete' && !report.trusted && h('p', {}, 'And whose signature it is, is open: give the key below.'),
    ));
  $('progress').hidden = true;
}

export function showFacts(gathered, report) {
  const { manifest, checkpoint, pack } = gathered;
  const origin = checkpoint?.origin ?? manifest?.origin ?? 'a ledger that cannot be told';
  put('origin', origin);
  document.title = `${origin}: audit pack`;
  const { range, recorded } = report;
  const rows = [
    ['Entries', report.counts.entries === 0 ? 'none' : `${number(range.start)} to ${number(range.end - 1)}${checkpoint ? ` of a ledger of ${number(checkpoint.size)}` : ''}`],
    ['Recorded', recorded ? `${shortTime(rfc3339(recorded[0]))} to ${shortTime(rfc3339(recorded[1]))} UTC, by the ledger’s own clock` : null],
    ['Payloads', `${number(report.counts.whole)} disclosed in full, ${number(report.counts.partial)} with parts withheld or erased${report.counts.absent > 0 ? `, ${number(report.counts.absent)} lost or not here` : ''}`],
    ['Filter', manifest?.filter ? `payloads disclosed only for: ${JSON.stringify(manifest.filter)}` : null],
    ['Withheld', manifest?.withhold_parts?.length > 0 ? `parts named ${manifest.withhold_parts.join(', ')}` : null],
    ['Written by', manifest ? `${manifest.tool}, says the manifest` : null],
    ['Read from', pack.embedded ? 'the copy inside this page' : pack.name],
    ['Signed root', checkpoint ? hash(hex(checkpoint.root), 'the signed root') : null],
    ['Key used', report.trusted ? h('span', { class: 'hash' }, h('code', {}, report.key.vkey), ', as it was given here') : 'none was given; the signature was checked with the key in the pack, which proves nothing'],
    ['Key in the pack', gathered.ownKey ? h('span', { class: 'hash' }, h('code', {}, gathered.ownKey.vkey), ' ', copyButton(gathered.ownKey.vkey, 'the key in the pack')) : 'unreadable'],
  ];
  put('facts', rows.filter(([, value]) => value !== null).map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]));
}

/** A line with what stands between backticks as code. */
const withCode = (line) => line.split('`').map((piece, at) => (at % 2 === 1 ? h('code', {}, piece) : piece));

export function showChecked(report) {
  put('checked-list', report.checked.map((line) => h('li', {}, withCode(line))));
  put('not-checked-list', report.notChecked.map((line) => h('li', {}, withCode(line))));
}

export function showFindings(report, openIndex) {
  const { listed, total } = report.findings;
  showBreaks(report, openIndex);
  if (total === 0) {
    const others = report.breaks.confirmed > 0 ? 'None beside the confirmed breaks.' : 'None: no check that was made failed.';
    put('findings-body', h('p', {}, others));
    return;
  }
  const more = total > listed.length && h('p', {}, `${number(total - listed.length)} more are not listed.`);
  put('findings-body', h('ol', { class: 'findings' }, listed.slice(0, 200).map((one) => findingItem(one, report.places, openIndex))),
    listed.length > 200 && h('p', {}, `${number(listed.length - 200)} more of the same kinds.`), more);
}

/** What the ledger itself admits, with the entry that does. */
function showBreaks({ breaks, places }, openIndex) {
  const link = (index) => (index >= places ? `entry ${number(index)}` : h('button', { type: 'button', class: 'link', onclick: () => openIndex(index) }, `entry ${number(index)}`));
  const item = (known, state) => h('li', {},
    h('h4', {}, KINDS[known.kind]?.[0] ?? 'numbers of a source never arrived', known.index !== null && [' · ', link(known.index)], state),
    h('p', { class: 'kind' }, h('code', {}, known.kind)),
    h('dl', { class: 'pair' }, h('dt', {}, 'Expected'), h('dd', {}, h('code', {}, known.expected)), h('dt', {}, 'Found'), h('dd', {}, h('code', {}, known.found))));
  put('breaks-body', breaks.listed.length > 0 && [
    h('h3', {}, 'Confirmed breaks'),
    h('p', {}, 'Damage that the ledger’s operator confirmed in the ledger itself. It is damage all the same: judge the reason, and the time.'),
    h('ol', { class: 'findings breaks' }, breaks.listed.map((one) => h('li', {},
      h('h3', {}, one.what),
      h('p', {}, 'Confirmed by ', h('strong', {}, one.by ?? 'somebody who is not named here'), ', ', shortTime(one.confirmed_at), ' UTC, in ', link(one.entry), '.'),
      h('p', {}, h('strong', {}, 'Why: '), one.why),
      h('ul', { class: 'known' },
        one.found.slice(0, 100).map((known) => item(known, null)),
        one.no_longer_found.slice(0, 100).map((known) => item(known, ', no longer found')),
        one.not_looked_at.slice(0, 100).map((known) => item(known, ', not looked at here'))),
      one.found.length > 100 && h('p', {}, `${number(one.found.length - 100)} more.`)))),
  ]);
}

function findingItem(one, last, openIndex) {
  const [title, advice] = KINDS[one.kind] ?? [one.kind, ''];
  const place = one.index === null ? null : one.index >= last ? h('span', { class: 'place' }, `entry ${number(one.index)}`) : h('button', { type: 'button', class: 'link', onclick: () => openIndex(one.index) }, `entry ${number(one.index)}`);
  return h('li', {},
    h('h3', {}, title, place && [' · ', place]),
    h('p', { class: 'kind' }, h('code', {}, one.kind), one.place && [' in ', h('code', {}, one.place)]),
    h('dl', { class: 'pair' }, h('dt', {}, 'Expected'), h('dd', {}, h('code', {}, one.expected)), h('dt', {}, 'Found'), h('dd', {}, h('code', {}, one.found))),
    h('p', {}, h('strong', {}, 'What to do: '), withCode(advice), '.'));
}

export function showPopulation({ sources }) {
  const { counting, events, uncounted, missing, repeated, late, truncated, listed } = sources;
  const figures = [[counting, 'sources count'], [events, 'counted events'], [uncounted, 'uncounted'], [missing, 'missing'], [repeated, 'repeated'], [late, 'late']];
  const head = ['Source', 'Events', 'First', 'Last', 'Missing', 'Repeated', 'Late', 'Gaps'];
  const gaps = (source) => source.gaps.map(([from, to]) => (from === to ? number(from) : `${number(from)}–${number(to)}`)).join(', ');
  put('population-body',
    h('ul', { class: 'figures' }, figures.map(([value, what]) => h('li', { class: value > 0 && /missing|repeated/.test(what) ? 'bad' : null }, h('b', {}, number(value)), ' ', what))),
    truncated && h('p', {}, 'There were more sources or gaps than are followed: these numbers are lower bounds.'),
    listed.length === 0
      ? h('p', {}, 'No source counts its events, so nothing can be said about events that never arrived.')
      : h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Counts of each source' }, h('table', {},
        h('thead', {}, h('tr', {}, head.map((name, at) => h('th', { scope: 'col', class: at === 0 || at === 7 ? null : 'num' }, name)))),
        h('tbody', {}, listed.slice(0, 200).map((source) => h('tr', { class: source.missing > 0 || source.repeated > 0 ? 'bad' : null },
          h('th', { scope: 'row' }, source.source),
          ['events', 'first', 'last', 'missing', 'repeated', 'late'].map((name) => h('td', { class: 'num' }, number(source[name]))),
          h('td', {}, gaps(source) || 'none'))))),
      listed.length > 200 && h('p', {}, `${number(listed.length - 200)} more sources have nothing worse.`)));
}
