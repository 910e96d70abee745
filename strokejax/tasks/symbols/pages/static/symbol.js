// One symbol of the list: its drawings, name, text, and how to forget it.

import { download, request } from '../api.js';
import { button, field, h } from '../dom.js';
import { thumbnail } from '../ink.js';
import { store } from '../store.js';
import { drawings } from '../words.js';

/**
 * @param {string} name
 * @param {{change: (work: () => Promise<any>) => Promise<boolean>, guard: (work: () => Promise<any>) => Promise<any>}} shelf
 */
export function createSymbolItem(name, { change, guard }) {
  const query = `symbols?name=${encodeURIComponent(name)}`;
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
    if (!body.hidden) open(true);
  }

  function form(label, value, maxlength, save) {
    const input = field({ value, maxlength, 'aria-label': label });
    return h('form.row', { onsubmit: (event) => {
      event.preventDefault();
      if (input.value && input.value !== value) save(input.value);
    } }, h('span.small.label', { 'aria-hidden': 'true' }, label), input, button('Set', () => {}, { kind: 'small', type: 'submit' }));
  }

  const patch = (more) => change(() => request('PATCH', 'symbols', { body: { name, ...more } }));

  function forgetting() {
    const ask = h('div.ask', { role: 'group', 'aria-label': `Forget ${name}?`, hidden: true },
      h('p.small', {}, `Forget ${name}? Undo brings it back.`),
      button('Forget', () => change(() => request('DELETE', query)), { kind: 'small danger' }),
      button('Keep', () => { ask.hidden = true; first.focus(); }, { kind: 'small' }));
    const first = button('Forget …', () => {
      ask.hidden = false;
      ask.querySelector('button:last-child').focus();
    }, { kind: 'quiet small' });
    return [h('div.row', {}, first,
      button('Export', () => guard(() => download(`export?name=${encodeURIComponent(name)}`, `${name}.strokes`)), { kind: 'quiet small' })), ask];
  }

  function open(reveal = false) {
    const pictures = h('div.symbol-drawings');
    body.replaceChildren(pictures,
      form('Name', name, 64, (to) => patch({ to })),
      form('Types', store.symbols.get(name).text, 1000, (text) => patch({ text })),
      ...forgetting());
    guard(async () => {
      const told = await request('GET', `symbols/drawings?name=${encodeURIComponent(name)}`);
      const kept = told.drawings.map(({ number, strokes, image_data_url: image }) => h('span.slot.full', {},
        strokes ? thumbnail(strokes, `Drawing ${number + 1}`) : h('img', { src: image, alt: `Drawing ${number + 1}` }),
        button(`Remove drawing ${number + 1}`, () => change(() => request('DELETE', `${query}&drawing=${number}`)),
          { icon: 'clear', only: true, kind: 'slot-remove' })));
      if (!kept.length && told.typical) {
        kept.push(h('span.slot.full', {}, thumbnail(told.typical.strokes, 'As the built-in hand writes it')));
      }
      pictures.replaceChildren(...kept);
      if (reveal) element.scrollIntoView({ block: 'nearest' });
    });
  }

  let shown = '';
  return {
    element,
    /** Shows what the store knows of it now. */
    update() {
      const symbol = store.symbols.get(name);
      if (!symbol) return;
      picture.replaceChildren(thumbnail(store.shapes.get(name)));
      const types = symbol.text !== name && name !== 'space' ? [`types ${symbol.text}`] : [];
      const count = symbol.samples ? [drawings(symbol.samples)] : [];
      facts.textContent = [...types, ...count].join(' · ') || 'built in';
      element.classList.toggle('own', symbol.origin === 'registered');
      const now = JSON.stringify(symbol);
      if (shown && shown !== now && !body.hidden) open();
      shown = now;
    },
  };
}
