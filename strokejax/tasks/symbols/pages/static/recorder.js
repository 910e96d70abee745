// A pad that takes one drawing after another: by button, by Enter or after a pause.

import { button, h } from '../dom.js';
import { toInk } from '../ink.js';
import { createPad } from '../pad.js';

const PAUSE = 800;
const KEY = 'strokejax.pause';

/**
 * `drawn` gets each drawing; where its promise fails, the strokes come back on the pad.
 * @param {{label: string, testid: string, nextTestid?: string, page: HTMLElement,
 *   hint?: string, drawn: (ink: any) => Promise<void>|void}} options
 */
export function createRecorder({ label, testid, nextTestid, page, hint = 'Draw here', drawn }) {
  let timer = 0;
  const pad = createPad({
    label, testid,
    started: () => clearTimeout(timer),
    ended: () => {
      settle();
      if (auto.checked) timer = setTimeout(next, PAUSE);
    },
  });
  const auto = h('input', { type: 'checkbox', onchange: () => {
    localStorage.setItem(KEY, auto.checked ? 'on' : 'off');
    clearTimeout(timer);
  } });
  auto.checked = localStorage.getItem(KEY) !== 'off';
  const nextButton = button('Next', () => next(), { icon: 'next', testid: nextTestid });
  const undo = button('Undo stroke', () => edit(pad.undo), { icon: 'undo', only: true, kind: 'quiet' });
  const clear = button('Clear the pad', () => edit(pad.clear), { icon: 'clear', only: true, kind: 'quiet' });
  const element = h('div.recorder', {},
    h('div.pad-area', {}, pad.element, h('p.pad-hint', { 'aria-hidden': 'true' }, hint),
      h('div.pad-tools', {}, undo, clear)),
    h('div.row.between', {},
      h('label.check', {}, auto, h('span', {}, 'Go on after a short pause')),
      nextButton));

  function settle() {
    const empty = !pad.strokes().length;
    for (const tool of [nextButton, undo, clear]) tool.disabled = empty;
  }

  function edit(change) {
    clearTimeout(timer);
    change();
    settle();
    pad.element.focus({ preventScroll: true });
  }

  async function next() {
    clearTimeout(timer);
    if (pad.busy() || !pad.strokes().length) return;
    const strokes = pad.strokes();
    pad.retire(strokes);
    settle();
    try {
      await drawn(toInk(strokes));
    } catch {
      pad.restore(strokes);
      settle();
    }
  }

  document.addEventListener('keydown', (event) => {
    if (page.hidden || event.target.closest('dialog')) return;
    if (event.key === 'Escape' && pad.strokes().length) edit(pad.clear);
    if (event.key === 'z' && (event.ctrlKey || event.metaKey) && !event.target.closest('input')) edit(pad.undo);
    if (event.key === 'Enter' && !event.target.closest('button, a, summary, input, form') && pad.strokes().length) {
      event.preventDefault();
      next();
    }
  });

  settle();
  return { element, next, focus: () => pad.element.focus({ preventScroll: true }), hasInk: () => pad.strokes().length > 0,
    /** @param {boolean} off */
    disable(off) { element.classList.toggle('disabled', off); element.inert = off; } };
}
