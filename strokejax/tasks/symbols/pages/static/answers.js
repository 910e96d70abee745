// The nearest symbols of the current drawing.

import { store } from './store.js';
import { button, h, percent, showText } from '../dom.js';
import { thumbnail } from '../ink.js';

const MAX_ROWS = 6;

function createRow() {
  const picture = h('span');
  const name = h('span.row-name');
  const bar = h('span.bar', {}, h('span.bar-fill'));
  const share = h('span.row-value');
  const element = h('li.data-row', {}, picture, name, bar, share);
  let shown = null;
  return {
    element,
    set(symbol, dist2, probability) {
      // Without distances (a classifier's answer), all bars are empty.
      const distance2 = dist2 ?? 4;
      element.dataset.symbol = symbol;
      if (shown !== symbol) picture.replaceChildren(thumbnail(store.shapes.get(symbol)));
      shown = symbol;
      name.textContent = symbol;
      name.title = symbol;
      // Shows the distance, which is at most 2: squares would differ little for near symbols.
      bar.style.setProperty('--share', Math.max(0.02, 1 - Math.sqrt(distance2) / 2).toFixed(3));
      bar.title = `Squared distance ${distance2.toFixed(2)} of 4`;
      share.textContent = percent(probability ?? 0);
    },
    /** Draws the thumbnail again next time. */
    invalidate() { shown = null; },
  };
}

/** @param {{teach: (ink: any) => void}} options */
export function createAnswers({ teach }) {
  const rows = Array.from({ length: MAX_ROWS }, createRow);
  let ink = null;
  const list = h('ol.answers', { 'data-testid': 'draw-answers', 'aria-label': 'Nearest symbols' });
  const empty = h('p.soft', {}, 'Write on the pad. The nearest symbols appear while you draw.');
  const reason = h('p');
  const unknown = h('div.unknown-box', { 'data-testid': 'draw-unknown', hidden: true },
    h('h3', {}, 'Unknown'), reason,
    button('Teach this symbol', () => teach(ink), { kind: 'small' }));
  const confirmation = h('p.small.thanks', { hidden: true });
  const facts = h('p.small.soft', { hidden: true });
  const element = h('div.answers-box', {}, h('h2', {}, 'Nearest symbols'), empty, unknown, list, facts, confirmation,
    h('p.small.soft.foot', {},
      'A longer bar is a nearer symbol. A symbol ends shortly after you lift the pen; choose it in the line to correct it.'));

  store.addEventListener('map', () => rows.forEach((row) => row.invalidate()));

  return {
    element,
    /** @param {any} answer @param {any} drawing the ink of a final answer */
    show(answer, drawing) {
      const symbols = answer.symbols.slice(0, MAX_ROWS);
      empty.hidden = symbols.length > 0;
      symbols.forEach((symbol, i) => rows[i].set(symbol, answer.dist2?.[i], answer.probability?.[i]));
      if (list.children.length !== symbols.length) list.replaceChildren(...rows.slice(0, symbols.length).map((row) => row.element));
      list.classList.toggle('wide', symbols.some((symbol) => symbol.length > 2));
      list.classList.toggle('best', !answer.unknown);
      list.classList.toggle('not-sure', Boolean(answer.unknown));
      unknown.hidden = !answer.unknown;
      reason.textContent = answer.reason ?? '';
      if (!answer.final) return;
      ink = drawing;
      showText(confirmation, '');
      const inputs = answer.inputs?.length ? `Inputs: ${answer.inputs.join(', ')}` : '';
      showText(facts, [inputs, `${answer.latency_ms.toFixed(1)} ms`].filter(Boolean).join(' · '));
    },
    clear() {
      list.replaceChildren();
      empty.hidden = false;
      unknown.hidden = facts.hidden = true;
    },
    /** @param {string} name of the symbol that a correction was saved as */
    confirm: (name) => showText(confirmation, `Saved as a drawing of ${name}.`),
  };
}
