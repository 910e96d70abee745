// Fonts: a picture of text, and the fonts it is probably set in, drawn in themselves.

import { request } from '../api.js';
import { button, field, h, say } from '../dom.js';
import { asPicture, takePictures } from '../pictures.js';
import { createSheet } from './sheet.js';
import { createDrawings, createSpecimens } from './specimens.js';
import { percent } from '../words.js';

const BUSY = 'Looking. The first picture takes some seconds longer.';
const HOW = 'Drag over the picture to crop it; choose a line to see its own fonts.';
const MAX_TEXT = 80;
/** Milliseconds after the last key until fonts are drawn anew. */
const PAUSE = 300;

const lines = (n) => `${n} ${n === 1 ? 'line' : 'lines'} of text`;
const pairs = ({ symbols, probability }) => symbols.map((symbol, i) => ({ symbol, probability: probability[i] }));

/** @param {HTMLElement} page */
export function createFonts(page) {
  /** @type {File|null} */
  let file = null;
  let part = null;
  let found = null;
  let index = { fonts: 0, trained: 0, folder: '', reason: '' };
  let asking = null;
  let waiting = 0;

  const note = h('p.note', { role: 'alert', hidden: true });
  const told = h('p.small.soft', { role: 'status', 'data-testid': 'fonts-told' });
  const indexed = h('p.small.soft', { 'data-testid': 'fonts-indexed' });
  const sheet = createSheet({ cut: (box) => { part = box; ask(); }, choose });
  const hint = h('p.sheet-hint', {}, 'Drop a picture of text here, choose one, or paste it.');
  sheet.element.append(hint);
  const whole = button('Whole picture', () => sheet.whole(), { icon: 'reset', only: true, testid: 'fonts-whole' });
  const keep = h('input', { type: 'checkbox', 'data-testid': 'fonts-keep', onchange: () => { if (keep.checked && file) ask(); } });
  const drawings = createDrawings();
  const text = field({
    id: 'fonts-text', placeholder: 'each font\u2019s name', maxlength: MAX_TEXT, 'data-testid': 'fonts-text',
    oninput: () => { clearTimeout(waiting); waiting = setTimeout(rewrite, PAUSE); },
    onchange: rewrite,
  });
  const nearest = createSpecimens(drawings, { title: 'Nearest fonts', testid: 'fonts-nearest' });
  const classifier = createSpecimens(drawings, { title: 'Classifier', testid: 'fonts-classifier' });
  const all = button('All lines', () => choose(-1), { kind: 'small', testid: 'fonts-all' });
  nearest.heading.after(all);
  const reason = h('p.small');
  const unknown = h('div.unknown-box', { 'data-testid': 'fonts-unknown', hidden: true },
    h('h3', {}, 'Unknown'), h('p', {}, 'Probably none of the indexed fonts. These are the nearest.'), reason);
  nearest.list.before(unknown);
  const results = h('div.fonts-lists', { hidden: true }, nearest.element, classifier.element);
  const empty = h('p.soft', {}, 'The nearest fonts appear here, each drawn in itself.');

  page.append(
    h('h1.hidden', {}, 'Fonts'),
    h('div.fonts-main', {}, sheet.element,
      h('div.row.between', {},
        h('div.row', {}, takePictures(page, { label: 'Picture of text', testid: 'fonts-file', take }), whole),
        h('label.check', {}, keep, 'Keep this picture on this computer')),
      told, note, sheet.fields),
    h('section.fonts-side.card', { 'aria-label': 'Fonts' },
      h('div.field', {}, h('label', { for: 'fonts-text' }, 'Sample text'), text),
      empty, results, indexed));

  function rewrite() {
    clearTimeout(waiting);
    if (text.value.trim() === drawings.text()) return;
    drawings.write(text.value.trim());
    nearest.redraw();
    classifier.redraw();
  }

  /** @param {File} given */
  function take(given) {
    file = given;
    part = null;
    if (keep.disabled) keep.checked = keep.disabled = false;
    hint.hidden = true;
    sheet.open(given);
    ask();
  }

  function query() {
    const crop = part ? Object.fromEntries(['x0', 'y0', 'x1', 'y1'].map((side, i) => [side, part[i]])) : {};
    return new URLSearchParams({ k: 5, ...crop, keep: keep.checked });
  }

  async function ask() {
    whole.hidden = !part;
    if (!file) return;
    asking?.abort();
    const mine = asking = new AbortController();
    say(note, '');
    say(told, BUSY);
    page.setAttribute('aria-busy', 'true');
    try {
      const answer = await request('POST', `api/fonts?${query()}`, { bytes: asPicture(file), signal: mine.signal });
      if (mine !== asking) return;
      show(answer);
    } catch (error) {
      if (mine !== asking) return;
      clear();
      say(told, '');
      say(note, error.message);
    }
    page.removeAttribute('aria-busy');
  }

  function show(answer) {
    found = answer;
    sheet.size(found.width, found.height);
    sheet.lines(found.regions.map(({ box, symbols, probability, unknown: none }, i) => ({
      box,
      label: `Line ${i + 1}: ${none || !symbols.length ? 'unknown' : `${symbols[0]}, ${percent(probability[0])}`}`,
    })));
    if (found.kept) keep.disabled = true;
    say(told, [`${lines(found.regions.length)}. ${HOW}`, found.kept && `Kept in ${index.folder}.`].filter(Boolean).join(' '));
    classifier.show(found.classifier, new Set(found.drawable), `Of the ${index.trained.toLocaleString('en')} fonts it was trained on`);
    choose(-1);
  }

  function clear() {
    found = null;
    sheet.lines([]);
    results.hidden = true;
    empty.hidden = false;
  }

  /** Shows the fonts of a line, or of all together for -1 and for the line that is shown. */
  function choose(i) {
    const chosen = i >= 0 && all.dataset.line !== String(i) ? i : -1;
    const answer = chosen < 0 ? found : found.regions[chosen];
    all.dataset.line = String(chosen);
    all.hidden = chosen < 0;
    sheet.mark(chosen);
    nearest.heading.textContent = chosen < 0 ? 'Nearest fonts' : `Line ${chosen + 1} of ${found.regions.length}`;
    nearest.show(pairs(answer), new Set(found.drawable), index.fonts ? `Of ${index.fonts.toLocaleString('en')} indexed fonts` : 'Of what it was trained on');
    nearest.list.classList.toggle('not-sure', answer.unknown);
    unknown.hidden = !answer.unknown;
    reason.textContent = answer.reason;
    empty.hidden = true;
    results.hidden = false;
  }

  function count() {
    const command = h('code', {}, 'strokejax fonts index --system');
    if (index.reason) indexed.replaceChildren(index.reason);
    else if (index.fonts) indexed.replaceChildren(`${index.fonts.toLocaleString('en')} fonts are indexed. `, command, ' adds those of this computer.');
    else indexed.replaceChildren('No fonts are indexed yet. To name those of this computer, and to draw them, run ', command, '.');
  }

  async function shown() {
    whole.hidden = !part;
    try {
      index = await request('GET', 'api/fonts');
      keep.parentElement.title = `Kept in ${index.folder}; otherwise it is only looked at.`;
      count();
    } catch (error) {
      say(note, error.message);
    }
  }

  return { shown };
}
