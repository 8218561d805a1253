// The ledger's keys over the years, where the pack carries their history: which signed when, and whom trust reaches.

import { rfc3339 } from '../check/bytes.js';
import { copyButton, h, number, put, shortTime, $ } from './dom.js';

export function showKeys({ keys: { history } }, { ring, trusted, history: judged }) {
  const { keys, statements } = history;
  for (const part of document.querySelectorAll('.keys-part')) part.hidden = keys.length === 0;
  if (keys.length === 0) return;
  const reached = (key) => ring?.spans.some((span) => span.key.vkey === key.vkey);
  const standing = (key) => {
    if (ring?.trusted.vkey === key.vkey) return trusted ? 'the key that you gave' : 'the key in the pack';
    return reached(key) ? `reached from ${ring.trusted.id}` : 'not reached: not trusted here';
  };
  const until = ({ until: last, compromised }) => [
    last === null ? 'today' : number(last),
    compromised !== null && h('b', { class: 'alarm' }, ` compromised: stands up to ${number(compromised)}`),
  ];
  put('keys-body',
    h('p', {}, judged.wrong
      ? 'The history of the ledger’s keys does not hold, or not with the entries: see the findings.'
      : 'Each change of keys is signed by the keys it concerns, and recorded as an entry. So whoever trusts one of these keys is led to the others, each for the trees that it signed.'),
    h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Keys of the ledger' }, h('table', {},
      h('thead', {}, h('tr', {}, ['Key', 'Signed trees from size', 'to size', 'Trust'].map((name, at) => h('th', { scope: 'col', class: at === 1 || at === 2 ? 'num' : null }, name)))),
      h('tbody', {}, keys.map((span) => h('tr', { class: reached(span.key) ? null : 'bad' },
        h('th', { scope: 'row' }, h('code', { title: span.key.vkey }, span.key.id), ' ', copyButton(span.key.vkey, `the verifier key ${span.key.id}`)),
        h('td', { class: 'num' }, number(span.from)), h('td', { class: 'num' }, until(span)), h('td', {}, standing(span.key))))))),
    h('ol', { class: 'statements' }, statements.map((one) => h('li', {},
      h('span', { class: 'quiet' }, shortTime(rfc3339(BigInt(one.time))), ' UTC, at size ', number(one.size), ': '),
      one.change === 'rotated' && [h('code', {}, one.key.id), ' was rotated to ', h('code', {}, one.successor.id)],
      one.change === 'retired' && [h('code', {}, one.key.id), ' was retired'],
      one.change === 'compromised' && [h('code', {}, one.key.id), ` was given up as compromised beyond size ${number(one.from)}`],
      '. ', h('q', {}, one.reason)))));
}

/** How the key that was given stands to the one in the pack. */
export function sayKey(gathered, { ring, trusted }) {
  const own = gathered.ownKey?.vkey;
  const say = () => {
    if (!trusted) return '';
    if (ring.trusted.vkey === own) return 'This is the same key as the one in the pack.';
    if (ring.current.vkey === own) return `This is an older key of the ledger. Its history leads from there to the key in the pack, ${ring.current.id}.`;
    return 'This is another key than the one in the pack.';
  };
  $('key-state').textContent = say();
}
