// What changed the model, newest first.

import { request } from '../api.js';
import { button, h } from '../dom.js';

const FEW = 5;
const WORDS = {
  register: 'Learned', forget: 'Forgot', rename: 'Renamed', undo: 'Undid', import: 'Imported', upgrade: 'Upgraded', pretrain: 'The first model', finetune: 'The first model',
};

function words({ verb, symbol, to, samples, of: undone, error }) {
  if (error) return error;
  if (verb === 'undo' && undone) return `Undid: ${words(undone)}`;
  if (verb === 'text') return `${symbol} types ${to}`;
  if (verb === 'alias') return `${symbol} is also ${to}`;
  const count = samples ? ` (${samples})` : '';
  return [WORDS[verb] ?? verb ?? 'Made', symbol ?? '', to ? `to ${to}` : '', count].filter(Boolean).join(' ');
}

function when(made) {
  const time = new Date(made);
  if (!made || Number.isNaN(time.getTime())) return '';
  const today = time.toDateString() === new Date().toDateString();
  return time.toLocaleString('en-GB', today ? { hour: '2-digit', minute: '2-digit' } : { day: 'numeric', month: 'short' });
}

/** @param {{undo: () => Promise<boolean>}} options */
export function createHistory({ undo }) {
  let changes = [];
  let open = false;
  const list = h('ol.history', { 'aria-label': 'Changes, newest first' });
  const more = button('Show all', () => {
    open = !open;
    draw();
  }, { kind: 'quiet small' });
  const undoButton = button('Undo', async () => {
    undoButton.disabled = true;
    await undo();
    draw();
  }, { icon: 'undo', kind: 'small', testid: 'history-undo' });
  const element = h('div', {}, h('div.row.between', {}, h('h2', {}, 'History'), undoButton), list, more);

  function draw() {
    const shown = open ? changes : changes.slice(0, FEW);
    list.replaceChildren(...shown.map((change) => h('li', {},
      h('span.history-what', {}, words(change)),
      h('span.small.soft', {}, when(change.made)))));
    more.hidden = changes.length <= FEW;
    more.querySelector('span').textContent = open ? 'Show fewer' : 'Show all';
    undoButton.disabled = changes.length < 2;
  }

  draw();
  return {
    element,
    /** Reads the history anew. */
    async reload() {
      try {
        changes = (await request('GET', 'history')).history;
        draw();
      } catch { /* the status line says what is wrong */ }
    },
  };
}
