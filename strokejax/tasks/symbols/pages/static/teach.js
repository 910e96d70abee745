// Teach: a name, up to ten drawings, and what the coach says.

import { request } from '../api.js';
import { createCoach } from './coach.js';
import { button, field, h, say } from '../dom.js';
import { createRecorder } from './recorder.js';
import { refresh, store } from '../store.js';
import { createStrip } from './strip.js';
import { createShelf } from './shelf.js';
import { drawings as countOf } from '../words.js';

const MOST = 10;
const IGNORED = { direction: 'Direction', rotation: 'Rotation', size: 'Size' };

/**
 * @param {HTMLElement} page
 * @param {{tryIt: () => void}} options
 */
export function createTeach(page, { tryIt }) {
  let drawings = [];
  let odd = [];
  let asked = null;

  const name = field({
    id: 'teach-name', maxlength: 64, placeholder: 'heart', 'data-testid': 'teach-name', list: 'symbol-names',
    oninput: () => { known(); settle(); }, onchange: () => preview(),
  });
  const text = field({ id: 'teach-text', placeholder: 'its name', 'data-testid': 'teach-text' });
  const about = h('p.small.soft', { 'aria-live': 'polite' });
  const boxes = Object.keys(IGNORED).map((value) => h('input', { type: 'checkbox', value, onchange: () => preview() }));
  const ignore = h('fieldset.checks', {}, h('legend', {}, 'Ignores'),
    boxes.map((box) => h('label.check', {}, box, h('span', {}, IGNORED[box.value]))));
  const coach = createCoach();
  const strip = createStrip({ most: MOST, remove });
  const recorder = createRecorder({
    label: 'Pad for one drawing at a time; Enter goes on, Escape clears', testid: 'teach-pad', nextTestid: 'teach-next', page, drawn: add,
  });
  const saveButton = button('Save', () => save(false), { kind: 'primary', testid: 'teach-save' });
  const anyway = button('Save anyway', () => save(true), { kind: 'small' });
  const problem = h('p');
  const trouble = h('div.note', { role: 'alert', hidden: true }, problem, anyway);
  const savedText = h('p');
  const saved = h('div.saved', { role: 'status', 'data-testid': 'teach-saved', hidden: true }, savedText,
    button('Try it', () => tryIt(), { icon: 'next', kind: 'small' }));

  name.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    if (recorder.hasInk()) recorder.next();
    else recorder.focus();
  });

  page.append(
    h('div.teach-main', {},
      h('h1', {}, 'Teach a stroke'),
      h('div.fields', {},
        h('div.field', {}, h('label', { for: 'teach-name' }, 'Name'), name),
        h('div.field', {}, h('label', { for: 'teach-text' }, 'Types', h('span.soft', {}, ' (optional)')), text)),
      about,
      h('div.lesson', {}, recorder.element, coach.element),
      strip.element,
      trouble,
      h('div.row.between.teach-end', {}, ignore, saveButton),
      saved),
    createShelf().element);

  const body = (force) => ({
    name: name.value.trim(), drawings, force, usual_size: null,
    ignore: boxes.filter((box) => box.checked).map((box) => box.value),
  });

  function known() {
    const symbol = store.symbols.get(name.value.trim());
    const n = symbol?.samples ?? 0;
    say(about, !symbol ? '' : n
      ? `You have ${countOf(n)} of it; these are added.`
      : 'A built-in symbol; your drawings teach it your way of writing.');
  }

  function settle() {
    saveButton.disabled = !drawings.length || !name.value.trim();
    recorder.disable(drawings.length >= MOST);
    strip.show(drawings, new Set(odd));
  }

  function add(ink) {
    if (drawings.length >= MOST) throw new RangeError();
    drawings = [...drawings, ink];
    saved.hidden = true;
    settle();
    preview();
  }

  /** Takes a drawing from elsewhere, if there is room for it. */
  function offer(ink) {
    if (drawings.length < MOST) return add(ink);
    problem.textContent = 'There are ten drawings; save them, or remove one, then teach that one.';
    anyway.hidden = true;
    trouble.hidden = false;
  }

  function remove(index) {
    drawings = drawings.filter((_, i) => i !== index);
    odd = [];
    settle();
    preview();
  }

  function changed(told) {
    // The server counts all drawings of the symbol, those from before come first.
    const before = Math.max(0, (told.samples ?? drawings.length) - drawings.length);
    odd = (told.odd ?? []).map((i) => i - before).filter((i) => i >= 0 && i < drawings.length);
  }

  async function preview() {
    asked?.abort();
    trouble.hidden = true;
    if (!drawings.length) return coach.start();
    const mine = asked = new AbortController();
    const wanted = body(true);
    coach.thinking(true);
    try {
      const told = await request('POST', 'symbols/preview', { body: { ...wanted, name: wanted.name || 'untitled' }, signal: mine.signal });
      if (mine !== asked) return;
      changed(told);
      coach.show(told, drawings.length, odd);
    } catch (error) {
      if (error.name === 'AbortError' || mine !== asked) return;
      coach.fail(error.message, drawings.length);
    }
    coach.thinking(false);
    settle();
  }

  async function save(force) {
    const wanted = body(force);
    const typed = text.value;
    asked?.abort();
    coach.thinking(false);
    trouble.hidden = true;
    saveButton.disabled = true;
    try {
      const told = await request('POST', 'symbols', { body: typed ? { ...wanted, text: typed } : wanted });
      const kept = new Set(wanted.drawings);
      drawings = drawings.filter((ink) => !kept.has(ink));
      odd = [];
      savedText.textContent = `${wanted.name} is learned from ${countOf(told.samples)}: version ${told.version}.`;
      saved.hidden = false;
      saved.scrollIntoView({ block: 'nearest' });
      name.value = text.value = '';
      for (const box of boxes) box.checked = false;
      coach.start();
      refresh().catch(() => {});
    } catch (error) {
      problem.textContent = error.message;
      anyway.hidden = error.status !== 409;
      trouble.hidden = false;
    }
    known();
    settle();
  }

  store.addEventListener('symbols', known);
  coach.start();
  settle();
  return { offer };
}
