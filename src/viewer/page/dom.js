// Making elements. Whatever comes from a pack goes in as text, never as markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const s = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
export const $ = (id) => document.getElementById(id);
export const put = (id, ...children) => $(id).replaceChildren(...children.flat(Infinity).filter(Boolean));
export const number = (value) => value.toLocaleString('en');
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** A time of the ledger to the second, in UTC; `title` has it in full. */
export const shortTime = (rfc) => `${rfc.slice(0, 10)} ${rfc.slice(11, 19)}`;

/** A button that copies a text, and says so. */
export function copyButton(value, what) {
  const button = h('button', { type: 'button', class: 'copy', 'aria-label': `Copy ${what}` }, 'copy');
  button.addEventListener('click', async () => {
    button.textContent = (await copy(value)) ? 'copied' : 'select it';
    setTimeout(() => { button.textContent = 'copy'; }, 1500);
  });
  return button;
}

export async function copy(value) {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    const area = h('textarea', { class: 'away', 'aria-hidden': 'true' }, value);
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

/** A hash in full, with a button that copies it. */
export const hash = (value, what) => h('span', { class: 'hash' }, h('code', {}, value), ' ', copyButton(value, what));
