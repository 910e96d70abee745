// Draw: write symbols on a pad; the line shows them, and the answers while you draw.

import { createAnswers } from './answers.js';
import { createCorrection } from './correction.js';
import { createLine } from './line.js';
import { live } from './live.js';
import { refresh, store, textOf } from './store.js';
import { request } from '../api.js';
import { h, showText } from '../dom.js';
import { toInk } from '../ink.js';
import { createPad } from '../pad.js';
import { health } from '../status.js';

/**
 * @param {HTMLElement} page
 * @param {(tab: string, message?: any) => void} open
 */
export function create(page, open) {
  /** Corrections without an answer, oldest first: {item, before}. */
  let pending = [];

  const announcement = h('p.hidden', { 'aria-live': 'polite' });
  const note = h('p.note', { role: 'alert', hidden: true });
  const pad = createPad({
    label: 'Pad to write on; Escape discards the unfinished symbol',
    testid: 'draw-pad',
    hint: 'Write here',
    events: (events) => events.forEach(live.point),
    started: () => {
      correction.close();
      showText(note, '');
    },
  });
  const answers = createAnswers({ teach: (ink) => open('teach', ink) });
  const correction = createCorrection({
    correct,
    remove: (item) => line.remove(item),
    closed: () => line.deselect(),
  });
  const line = createLine({
    choose: (item, button) => correction.open(item, button),
    changed: () => correction.close(),
  });

  pad.area.append(note);
  page.append(
    h('h1.hidden', {}, 'Draw'),
    h('div.draw-main', {},
      h('div.line-area', {}, line.element, correction.element),
      pad.area),
    h('aside.draw-side.card', { 'aria-label': 'Answers' }, answers.element),
    announcement);

  page.addEventListener('keydown', (event) => {
    if (event.target.closest('input, .correction')) return;
    if (event.key === 'Escape' && correction.isOpen()) {
      correction.close();
      return;
    }
    if (event.key === 'Backspace' && !event.target.closest('.line-text')) line.backspace();
    if (event.key === 'Escape' && pad.strokes().length && !pad.busy()) discard();
  });

  function discard() {
    live.cancel();
    pad.clear();
    line.preview('');
    answers.clear();
  }

  function finish(answer) {
    // If the answer is late, strokes of the next symbol may be on the pad already.
    const strokes = pad.finished().filter((stroke) => stroke[0].t <= answer.t);
    const ink = toInk(strokes);
    if (strokes.length) pad.retire(strokes);
    line.preview('');
    answers.show(answer, ink);
    line.add({
      id: answer.id, epoch: live.epoch, ink, candidates: answer.symbols,
      symbol: answer.unknown ? null : answer.symbols[0],
    });
    announcement.textContent = answer.unknown ? `Unknown: ${answer.reason}` : answer.symbols[0];
  }

  async function correct(item, name) {
    const before = item.symbol;
    line.change(item, name);
    if (item.epoch === live.epoch && live.correct(item.id, name)) {
      pending.push({ item, before });
      return;
    }
    // The server has forgotten the symbols of an old connection, but the page has the drawing.
    try {
      await request('POST', 'symbols', { body: { name, drawings: [item.ink], ignore: [], force: false, reference_size: null } });
      await refresh();
      confirm(name);
    } catch (error) {
      line.change(item, before);
      showText(note, error.message);
    }
  }

  function confirm(name) {
    answers.confirm(name);
    announcement.textContent = `Saved as a drawing of ${name}.`;
  }

  function corrected(answer) {
    pending = pending.filter(({ item }) => item.id !== answer.id);
    if (!answer.error) confirm(answer.corrected);
    if (answer.version !== undefined && answer.version !== health.version) refresh().catch(() => {});
  }

  function showError(answer) {
    const refused = pending.find(({ item }) => item.id === answer.id && !answer.symbols && !('corrected' in answer));
    pending = pending.filter((correction) => correction !== refused);
    if (refused) line.change(refused.item, refused.before);
    showText(note, answer.error.replace(/^line \d+: /, ''));
  }

  live.onanswer = (answer) => {
    if ('corrected' in answer) corrected(answer);
    else if (answer.final) finish(answer);
    else if (answer.symbols) {
      answers.show(answer, null);
      line.preview(answer.symbols.length ? textOf(answer.symbols[0]) : '');
    }
    if (answer.error) showError(answer);
  };

  // A new connection receives the unfinished symbol again.
  live.onopen = () => {
    for (const { item, before } of pending.splice(0)) {
      line.change(item, before);
      showText(note, 'The connection was lost before a correction was saved; correct the symbol again.');
    }
    const strokes = pad.strokes();
    strokes.forEach((stroke, i) => {
      for (const { t, x, y } of stroke) live.point({ t, x, y, down: true });
      const last = stroke.at(-1);
      const unfinished = pad.busy() && i === strokes.length - 1;
      if (last && !unfinished) live.point({ ...last, down: false });
    });
  };

  store.addEventListener('symbols', () => line.retype());
  return {};
}
