// Teach: a lesson has a name and up to ten drawings; the coach comments on them.

import { createCoach } from './coach.js';
import './live.js'; // keeps the store up to date
import { createRecorder } from './recorder.js';
import { createShelf } from './shelf.js';
import { refresh, store } from './store.js';
import { request } from '../api.js';
import { button, count, field, h, showText } from '../dom.js';
import { thumbnail } from '../ink.js';

const MAX_DRAWINGS = 10;
const VARIATIONS = { direction: 'Direction', rotation: 'Rotation', size: 'Size' };

/** The drawings of a lesson, as a strip of thumbnails. @param {{size: number, remove: (index: number) => void}} options */
function createStrip({ size, remove }) {
  const element = h('ol.strip', { 'aria-label': 'Drawings', 'data-testid': 'teach-drawings' });

  return {
    element,
    /** @param {any[]} drawings @param {Set<number>} outliers indices of drawings */
    show(drawings, outliers) {
      const filled = drawings.map((ink, i) =>
        h('li', { class: outliers.has(i) ? 'slot full odd' : 'slot full' },
          thumbnail(ink.strokes, `Drawing ${i + 1}${outliers.has(i) ? ', an outlier' : ''}`),
          outliers.has(i) ? h('span.slot-tag', {}, 'outlier') : null,
          button(`Remove drawing ${i + 1}`, () => {
            remove(i);
            (element.querySelectorAll('button')[i] ?? element.querySelector('li:last-child button'))?.focus();
          }, { icon: 'clear', only: true, kind: 'slot-remove' })));
      const free = Array.from({ length: size - drawings.length }, (_, i) =>
        h('li', { class: i ? 'slot' : 'slot due', 'aria-hidden': 'true' }, String(drawings.length + i + 1)));
      element.replaceChildren(...filled, ...free);
    },
  };
}

/**
 * @param {HTMLElement} page
 * @param {(tab: string) => void} open
 */
export function create(page, open) {
  let drawings = [];
  /** Indices of drawings. */
  let outliers = [];
  /** Aborts the preview in progress. */
  let controller = null;

  const name = field({
    id: 'teach-name', maxlength: 64, placeholder: 'heart', 'data-testid': 'teach-name', list: 'symbol-names',
    oninput: () => { showKnown(); settle(); }, onchange: () => preview(),
  });
  const text = field({ id: 'teach-text', placeholder: 'its name', 'data-testid': 'teach-text' });
  const known = h('p.small.soft', { 'aria-live': 'polite' });
  const boxes = Object.keys(VARIATIONS).map((value) => h('input', { type: 'checkbox', value, onchange: () => preview() }));
  const ignore = h('fieldset.checks', {}, h('legend', {}, 'Ignore'),
    boxes.map((box) => h('label.check', {}, box, h('span', {}, VARIATIONS[box.value]))));
  const coach = createCoach();
  const strip = createStrip({ size: MAX_DRAWINGS, remove });
  const recorder = createRecorder({
    label: 'Pad for one drawing at a time; Enter adds it, Escape clears the pad', testid: 'teach-pad', nextTestid: 'teach-next', page, recorded: add,
  });
  const saveButton = button('Save', () => save(false), { kind: 'primary', testid: 'teach-save' });
  const anyway = button('Save anyway', () => save(true), { kind: 'small' });
  const problem = h('p');
  const note = h('div.note', { role: 'alert', hidden: true }, problem, anyway);
  const savedText = h('p');
  const saved = h('div.saved', { role: 'status', 'data-testid': 'teach-saved', hidden: true }, savedText,
    button('Try it', () => open('draw'), { icon: 'next', kind: 'small' }));

  name.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    if (recorder.hasInk()) recorder.next();
    else recorder.focus();
  });

  page.append(
    h('div.teach-main', {},
      h('h1', {}, 'Teach a symbol'),
      h('div.fields', {},
        h('div.field', {}, h('label', { for: 'teach-name' }, 'Name'), name),
        h('div.field', {}, h('label', { for: 'teach-text' }, 'Types', h('span.soft', {}, ' (optional)')), text)),
      known,
      h('div.lesson', {}, recorder.element, coach.element),
      strip.element,
      note,
      h('div.row.between.teach-end', {}, ignore, saveButton),
      saved),
    createShelf().element);

  const body = (force) => ({
    name: name.value.trim(), drawings, force, reference_size: null,
    ignore: boxes.filter((box) => box.checked).map((box) => box.value),
  });

  function showKnown() {
    const symbol = store.symbols.get(name.value.trim());
    showText(known, !symbol ? '' : symbol.samples
      ? `This symbol has ${count(symbol.samples, 'drawing')}; the new ones are added.`
      : 'This symbol is built in; your drawings adapt it to your writing.');
  }

  function showProblem(sentence, canForce) {
    problem.textContent = sentence;
    anyway.hidden = !canForce;
    note.hidden = false;
  }

  function settle() {
    saveButton.disabled = !drawings.length || !name.value.trim();
    recorder.setDisabled(drawings.length >= MAX_DRAWINGS);
    strip.show(drawings, new Set(outliers));
  }

  function add(ink) {
    if (drawings.length >= MAX_DRAWINGS) throw new RangeError();
    drawings = [...drawings, ink];
    saved.hidden = true;
    settle();
    preview();
  }

  function remove(index) {
    drawings = drawings.filter((_, i) => i !== index);
    outliers = [];
    settle();
    preview();
  }

  async function preview() {
    controller?.abort();
    note.hidden = true;
    if (!drawings.length) return coach.start();
    const current = controller = new AbortController();
    const lesson = body(true);
    coach.setBusy(true);
    try {
      const answer = await request('POST', 'symbols/preview', { body: { ...lesson, name: lesson.name || 'untitled' }, signal: current.signal });
      if (current !== controller) return;
      // The server numbers all drawings of the symbol, and these follow the earlier ones.
      const earlier = Math.max(0, (answer.samples ?? drawings.length) - drawings.length);
      outliers = (answer.odd ?? []).map((i) => i - earlier).filter((i) => i >= 0 && i < drawings.length);
      coach.show(answer, drawings.length, outliers);
    } catch (error) {
      if (error.name === 'AbortError' || current !== controller) return;
      coach.fail(error.message, drawings.length);
    }
    coach.setBusy(false);
    settle();
  }

  async function save(force) {
    const lesson = body(force);
    const typed = text.value;
    controller?.abort();
    coach.setBusy(false);
    note.hidden = true;
    saveButton.disabled = true;
    try {
      const answer = await request('POST', 'symbols', { body: typed ? { ...lesson, text: typed } : lesson });
      // Drawings that were added meanwhile stay for the next lesson.
      drawings = drawings.filter((ink) => !lesson.drawings.includes(ink));
      outliers = [];
      savedText.textContent = `Learned ${lesson.name} from ${count(answer.samples, 'drawing')}; the model has version ${answer.version} now.`;
      saved.hidden = false;
      saved.scrollIntoView({ block: 'nearest' });
      name.value = text.value = '';
      for (const box of boxes) box.checked = false;
      coach.start();
      refresh().catch(() => {});
    } catch (error) {
      showProblem(error.message, error.status === 409);
    }
    showKnown();
    settle();
  }

  store.addEventListener('symbols', showKnown);
  coach.start();
  settle();
  return {
    /** Adds a drawing from another page, if there is room. @param {any} [ink] */
    shown(ink) {
      if (!ink) return;
      if (drawings.length < MAX_DRAWINGS) add(ink);
      else showProblem(`There are ${MAX_DRAWINGS} drawings already; save them, or remove one and teach the symbol again.`, false);
    },
  };
}
