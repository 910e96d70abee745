// A pad that records one drawing after another: by a button, by Enter or after a pause.

import { button, h } from '../dom.js';
import { toInk } from '../ink.js';
import { createPad } from '../pad.js';

/** Milliseconds after which a drawing ends by itself. */
const PAUSE = 800;
const KEY = 'strokejax.pause';

/**
 * `recorded` receives each drawing; if its promise is rejected, the strokes return to the pad.
 * @param {{label: string, testid: string, nextTestid?: string, page: HTMLElement,
 *   hint?: string, recorded: (ink: any) => Promise<void>|void}} options
 */
export function createRecorder({ label, testid, nextTestid, page, hint = 'Draw here', recorded }) {
  let timer = 0;
  const pad = createPad({
    label, testid, hint, editable: true,
    started: () => clearTimeout(timer),
    changed: () => {
      clearTimeout(timer);
      nextButton.disabled = !hasInk();
    },
    ended: () => { if (auto.checked) timer = setTimeout(next, PAUSE); },
  });
  const hasInk = () => pad.strokes().length > 0;
  const auto = h('input', { type: 'checkbox', onchange: () => {
    localStorage.setItem(KEY, auto.checked ? 'on' : 'off');
    clearTimeout(timer);
  } });
  auto.checked = localStorage.getItem(KEY) !== 'off';
  const nextButton = button('Next', () => next(), { icon: 'next', testid: nextTestid });
  const element = h('div.recorder', {}, pad.area,
    h('div.row.between', {},
      h('label.check', {}, auto, h('span', {}, 'Continue after a short pause')),
      nextButton));

  async function next() {
    clearTimeout(timer);
    if (pad.busy() || !hasInk()) return;
    const strokes = pad.strokes();
    pad.retire(strokes);
    try {
      await recorded(toInk(strokes));
    } catch {
      pad.restore(strokes);
    }
  }

  document.addEventListener('keydown', (event) => {
    if (page.hidden || event.target.closest('dialog')) return;
    if (event.key === 'Escape' && hasInk()) pad.clear();
    if (event.key === 'z' && (event.ctrlKey || event.metaKey) && !event.target.closest('input')) pad.undo();
    if (event.key === 'Enter' && !event.target.closest('button, a, summary, input, form') && hasInk()) {
      event.preventDefault();
      next();
    }
  });

  nextButton.disabled = true;
  return {
    element, next, hasInk,
    focus: () => pad.element.focus({ preventScroll: true }),
    /** @param {boolean} disabled */
    setDisabled(disabled) {
      element.classList.toggle('disabled', disabled);
      element.inert = disabled;
    },
  };
}
