// Draw: write, and read along.

import { request } from '../api.js';
import { createAnswers } from './answers.js';
import { createCorrection } from './correction.js';
import { h, say } from '../dom.js';
import { createLine } from './line.js';
import { createPad } from '../pad.js';
import { toInk } from '../ink.js';
import { refresh, store, textOf } from '../store.js';

/**
 * @param {HTMLElement} page
 * @param {{live: ReturnType<typeof import('./live.js').createLive>, teachInk: (ink: any) => void}} options
 */
export function createDraw(page, { live, teachInk }) {
  /** Corrections without an answer yet, oldest first: {item, before}. */
  let pending = [];

  const heard = h('p.hidden', { 'aria-live': 'polite' });
  const note = h('p.note', { role: 'alert', hidden: true });
  const pad = createPad({
    label: 'Paper to write on; Escape drops the symbol being drawn',
    testid: 'draw-pad',
    events: (events) => events.forEach(live.point),
    started: () => {
      correction.close();
      say(note, '');
    },
  });
  const answers = createAnswers({ teach: teachInk });
  const correction = createCorrection({
    correct,
    remove: (item) => line.remove(item),
    closed: () => line.rest(),
  });
  const line = createLine({
    choose: (item, near) => correction.open(item, near),
    changed: () => correction.close(),
  });

  page.append(
    h('h1.hidden', {}, 'Draw'),
    h('div.draw-main', {},
      h('div.line-area', {}, line.element, correction.element),
      h('div.pad-area', {}, pad.element, note,
        h('p.pad-hint', { 'aria-hidden': 'true' }, 'Write here'))),
    h('aside.draw-side.card', { 'aria-label': 'Answers' }, answers.element),
    heard);

  page.addEventListener('keydown', (event) => {
    if (event.target.closest('input, .correction')) return;
    if (event.key === 'Escape' && correction.isOpen()) {
      correction.close();
      return;
    }
    if (event.key === 'Backspace' && !event.target.closest('.line-text')) line.backspace();
    if (event.key === 'Escape' && pad.strokes().length && !pad.busy()) drop();
  });

  function drop() {
    live.cancel();
    pad.clear();
    line.ghost('');
    answers.clear();
  }

  function final(told) {
    // Where answers come late, the next symbol may be on the paper already.
    const mine = pad.whole().filter((stroke) => stroke[0].t <= told.t);
    const ink = toInk(mine);
    if (mine.length) pad.retire(mine);
    line.ghost('');
    answers.show(told, ink);
    line.add({
      id: told.id, epoch: live.epoch, ink, unknown: told.unknown, candidates: told.symbols,
      symbol: told.unknown ? null : told.symbols[0],
    });
    heard.textContent = told.unknown ? `Unknown: ${told.reason}` : told.symbols[0];
  }

  async function correct(item, name) {
    const before = item.symbol;
    line.change(item, name);
    if (item.epoch === live.epoch && live.correct(item.id, name)) {
      pending.push({ item, before });
      return;
    }
    // The server forgot it with the old connection; the drawing is still here.
    try {
      await request('POST', 'symbols', { body: { name, drawings: [item.ink], ignore: [], force: false, usual_size: null } });
      await refresh();
      thank(name);
    } catch (error) {
      line.change(item, before);
      say(note, error.message);
    }
  }

  function thank(name) {
    answers.thank(name);
    heard.textContent = `Kept as a sample of ${name}.`;
  }

  store.addEventListener('symbols', () => line.retype());

  return {
    /** An answer of the socket. @param {any} told */
    told(told) {
      if ('corrected' in told) {
        pending = pending.filter(({ item }) => item.id !== told.id);
        if (!told.error) thank(told.corrected);
        if (told.version !== undefined && told.version !== store.health.version) refresh().catch(() => {});
      } else if (told.symbols) {
        if (told.final) final(told);
        else {
          answers.show(told, null);
          line.ghost(told.symbols.length ? textOf(told.symbols[0]) : '');
        }
      }
      if (told.error) {
        const refused = pending.find(({ item }) => item.id === told.id && !told.symbols && !('corrected' in told));
        pending = pending.filter((each) => each !== refused);
        if (refused) line.change(refused.item, refused.before);
        say(note, told.error.replace(/^line \d+: /, ''));
      }
    },
    /** A new connection: what is unfinished on the paper is sent again. */
    resume() {
      for (const { item, before } of pending.splice(0)) {
        line.change(item, before);
        say(note, 'The connection was lost before a correction was kept; please correct it again.');
      }
      const strokes = pad.strokes();
      strokes.forEach((stroke, i) => {
        for (const { t, x, y } of stroke) live.point({ t, x, y, down: true });
        const last = stroke.at(-1);
        if (last && !(pad.busy() && i === strokes.length - 1)) live.point({ ...last, down: false });
      });
    },
  };
}
