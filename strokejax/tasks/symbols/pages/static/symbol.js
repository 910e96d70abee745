// A symbol in the list: its drawings, its name, the text that it types, and how to forget it.

import { store } from './store.js';
import { download, request } from '../api.js';
import { button, count, field, h } from '../dom.js';
import { thumbnail } from '../ink.js';

/**
 * @param {string} name
 * @param {{change: (action: () => Promise<any>) => Promise<boolean>, guard: (action: () => Promise<any>) => Promise<any>}} shelf
 */
export function createSymbolItem(name, { change, guard }) {
  const encoded = encodeURIComponent(name);
  const picture = h('span.symbol-ink');
  const facts = h('span.small.soft');
  const body = h('div.symbol-body', { hidden: true });
  const head = h('button', { type: 'button', class: 'symbol-head', 'aria-expanded': 'false', onclick: toggle },
    picture, h('span.symbol-name', {}, name), facts);
  const element = h('li', { 'data-symbol': name }, head, body);
  element.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !body.hidden) {
      event.stopPropagation();
      toggle();
      head.focus();
    }
  });

  function toggle() {
    body.hidden = !body.hidden;
    head.setAttribute('aria-expanded', String(!body.hidden));
    if (!body.hidden) fill(true);
  }

  function form(label, value, maxlength, save) {
    const input = field({ value, maxlength, 'aria-label': label });
    return h('form.row', { onsubmit: (event) => {
      event.preventDefault();
      if (input.value && input.value !== value) save(input.value);
    } }, h('span.small.label', { 'aria-hidden': 'true' }, label), input, button('Save', () => {}, { kind: 'small', type: 'submit' }));
  }

  const patch = (changes) => change(() => request('PATCH', 'symbols', { body: { name, ...changes } }));
  const forget = (more = '') => change(() => request('DELETE', `symbols?name=${encoded}${more}`));

  /** A button that asks before it forgets the symbol, and one that exports it. */
  function actions() {
    const question = h('div.ask', { role: 'group', 'aria-label': `Forget ${name}?`, hidden: true },
      h('p.small', {}, `Forget ${name}? Undo brings it back.`),
      button('Forget', () => forget(), { kind: 'small danger' }),
      button('Cancel', () => { question.hidden = true; ask.focus(); }, { kind: 'small' }));
    const ask = button('Forget …', () => {
      question.hidden = false;
      question.querySelector('button:last-child').focus();
    }, { kind: 'quiet small' });
    return [h('div.row', {}, ask,
      button('Export', () => guard(() => download(`export?name=${encoded}`, `${name}.strokes`)), { kind: 'quiet small' })), question];
  }

  const createSlot = ({ number, strokes, image_data_url: image }) => h('span.slot.full', {},
    strokes ? thumbnail(strokes, `Drawing ${number + 1}`) : h('img', { src: image, alt: `Drawing ${number + 1}` }),
    button(`Remove drawing ${number + 1}`, () => forget(`&drawing=${number}`),
      { icon: 'clear', only: true, kind: 'slot-remove' }));

  function fill(reveal = false) {
    const pictures = h('div.symbol-drawings');
    body.replaceChildren(pictures,
      form('Name', name, 64, (to) => patch({ to })),
      form('Types', store.symbols.get(name).text, 1000, (text) => patch({ text })),
      ...actions());
    guard(async () => {
      const answer = await request('GET', `symbols/drawings?name=${encoded}`);
      const slots = answer.drawings.map(createSlot);
      if (!slots.length && answer.typical) {
        slots.push(h('span.slot.full', {}, thumbnail(answer.typical.strokes, 'A synthetic drawing')));
      }
      pictures.replaceChildren(...slots);
      if (reveal) element.scrollIntoView({ block: 'nearest' });
    });
  }

  /** The symbol as it was last shown, as JSON. */
  let shown = '';
  return {
    element,
    /** Shows the symbol as the store has it. */
    update() {
      const symbol = store.symbols.get(name);
      if (!symbol) return;
      picture.replaceChildren(thumbnail(store.shapes.get(name)));
      const types = symbol.text !== name && name !== 'space' ? [`types ${symbol.text}`] : [];
      const samples = symbol.samples ? [count(symbol.samples, 'drawing')] : [];
      facts.textContent = [...types, ...samples].join(' · ') || 'built in';
      element.classList.toggle('own', symbol.origin === 'registered');
      const current = JSON.stringify(symbol);
      if (shown && shown !== current && !body.hidden) fill();
      shown = current;
    },
  };
}
