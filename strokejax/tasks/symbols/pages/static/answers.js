// The nearest symbols, live.

import { button, h, say } from '../dom.js';
import { thumbnail } from '../ink.js';
import { store } from '../store.js';
import { percent } from '../words.js';

const ROWS = 6;

function createRow() {
  const drawn = h('span');
  const name = h('span.row-name');
  const bar = h('span.bar', {}, h('span.bar-fill'));
  const share = h('span.row-value');
  const element = h('li.data-row', {}, drawn, name, bar, share);
  let shown = null;
  return {
    element,
    set(symbol, dist2, probability) {
      const far = dist2 ?? 4;
      element.dataset.symbol = symbol;
      if (shown !== symbol) drawn.replaceChildren(thumbnail(store.shapes.get(symbol)));
      shown = symbol;
      name.textContent = symbol;
      name.title = symbol;
      // The distance itself, of 2 at most: squares would crowd the near ones together.
      bar.style.setProperty('--share', Math.max(0.02, 1 - Math.sqrt(far) / 2).toFixed(3));
      bar.title = `Squared distance ${far.toFixed(2)} of 4`;
      share.textContent = percent(probability ?? 0);
    },
    /** The picture has to be drawn anew. */
    stale() { shown = null; },
  };
}

/** @param {{teach: (ink: any) => void}} options */
export function createAnswers({ teach }) {
  const rows = Array.from({ length: ROWS }, createRow);
  let ink = null;
  const title = h('h2', {}, 'Nearest');
  const list = h('ol.answers', { 'data-testid': 'draw-answers', 'aria-label': 'Nearest symbols' });
  const empty = h('p.soft', {}, 'Write on the paper. The nearest symbols appear while your hand still moves.');
  const reason = h('p');
  const unknown = h('div.unknown-box', { 'data-testid': 'draw-unknown', hidden: true },
    h('h3', {}, 'Unknown'), reason,
    button('Teach this one', () => teach(ink), { kind: 'small' }));
  const thanks = h('p.small.thanks', { hidden: true });
  const used = h('p.small.soft', { hidden: true });
  const foot = h('p.small.soft.foot', {},
    'Longer bars are nearer. A symbol ends by itself a moment after the pen is lifted; choose one in the line to correct it.');
  const element = h('div.answers-box', {}, title, empty, unknown, list, used, thanks, foot);

  store.addEventListener('map', () => rows.forEach((row) => row.stale()));

  return {
    element,
    /** @param {any} told an answer @param {any} drawing of a final one */
    show(told, drawing) {
      const count = Math.min(ROWS, told.symbols.length);
      empty.hidden = count > 0;
      for (let i = 0; i < count; i += 1) rows[i].set(told.symbols[i], told.dist2[i], told.probability[i]);
      if (list.children.length !== count) list.replaceChildren(...rows.slice(0, count).map((row) => row.element));
      list.classList.toggle('wide', told.symbols.slice(0, count).some((symbol) => symbol.length > 2));
      list.classList.toggle('best', !told.unknown);
      list.classList.toggle('not-sure', Boolean(told.unknown));
      unknown.hidden = !told.unknown;
      reason.textContent = told.reason ?? '';
      if (!told.final) return;
      ink = drawing;
      say(thanks, '');
      const inputs = told.inputs?.length ? `Seen: ${told.inputs.join(', ')}` : '';
      say(used, [inputs, `${told.latency_ms.toFixed(1)} ms`].filter(Boolean).join(' · '));
    },
    clear() {
      list.replaceChildren();
      empty.hidden = false;
      unknown.hidden = used.hidden = true;
    },
    /** @param {string} name of what a correction was kept as */
    thank: (name) => say(thanks, `Kept as a sample of ${name}.`),
  };
}
