// The changes of the model, newest first.

import { request } from '../api.js';
import { button, h } from '../dom.js';

/** Changes that are shown until the user asks for all. */
const FEW = 5;
const VERBS = {
  register: 'Learned', forget: 'Forgot', rename: 'Renamed', undo: 'Undid', import: 'Imported', upgrade: 'Upgraded', pretrain: 'Trained the model', finetune: 'Trained the model',
};

function sentence({ verb, symbol, to, samples, of: undone, error }) {
  if (error) return error;
  if (verb === 'undo' && undone) return `Undid: ${sentence(undone)}`;
  if (verb === 'text') return `${symbol} types ${to}`;
  if (verb === 'alias') return `${symbol} is also ${to}`;
  const count = samples ? `(${samples})` : '';
  return [VERBS[verb] ?? verb ?? 'Changed', symbol, to && `to ${to}`, count].filter(Boolean).join(' ');
}

function timeOf(made) {
  const time = new Date(made);
  if (!made || Number.isNaN(time.getTime())) return '';
  const today = time.toDateString() === new Date().toDateString();
  return time.toLocaleString('en-GB', today ? { hour: '2-digit', minute: '2-digit' } : { day: 'numeric', month: 'short' });
}

/** @param {{undo: () => Promise<boolean>}} options */
export function createHistory({ undo }) {
  let changes = [];
  let all = false;
  const list = h('ol.history', { 'aria-label': 'Changes, newest first' });
  const more = button('Show all', () => {
    all = !all;
    draw();
  }, { kind: 'quiet small' });
  const undoButton = button('Undo', async () => {
    undoButton.disabled = true;
    await undo();
    draw();
  }, { icon: 'undo', kind: 'small', testid: 'history-undo' });
  const element = h('div', {}, h('div.row.between', {}, h('h2', {}, 'History'), undoButton), list, more);

  function draw() {
    list.replaceChildren(...(all ? changes : changes.slice(0, FEW)).map((change) => h('li', {},
      h('span.history-change', {}, sentence(change)),
      h('span.small.soft', {}, timeOf(change.made)))));
    more.hidden = changes.length <= FEW;
    more.querySelector('span').textContent = all ? 'Show fewer' : 'Show all';
    // The first version has no change to undo.
    undoButton.disabled = changes.length < 2;
  }

  draw();
  return {
    element,
    async reload() {
      try {
        changes = (await request('GET', 'history')).history;
        draw();
      } catch { /* the status line shows the error */ }
    },
  };
}
