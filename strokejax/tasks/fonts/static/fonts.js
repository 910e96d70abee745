// Fonts: names the fonts of a picture of text; each name is drawn in its font.

import { request } from '../api.js';
import { button, count, field, h, percent, showText } from '../dom.js';
import { takePictures } from '../pictures.js';
import { createSheet } from './sheet.js';
import { createDrawings, createSpecimens } from './specimens.js';

const BUSY = 'Searching. The first picture takes some seconds longer.';
const HOW = 'Drag over the picture to crop it. Choose a line to see its fonts.';
const MAX_TEXT = 80;
/** Milliseconds between the last key press and the new drawings. */
const PAUSE = 300;

const fontsOf = ({ symbols, probability }) => symbols.map((symbol, i) => ({ symbol, probability: probability[i] }));

/** @param {HTMLElement} page */
export function create(page) {
  /** @type {File|null} */
  let file = null;
  /** The crop's left, top, right and bottom in pixels; null for the whole picture. */
  let crop = null;
  let answer = null;
  let index = { fonts: 0, trained: 0, folder: '', reason: '' };
  /** Aborts the request in progress. */
  let pending = null;
  let timer = 0;

  const note = h('p.note', { role: 'alert', hidden: true });
  const status = h('p.small.soft', { role: 'status', 'data-testid': 'fonts-status' });
  const indexed = h('p.small.soft', { 'data-testid': 'fonts-indexed' });
  const sheet = createSheet({ cut: (box) => { crop = box; identify(); }, choose });
  const hint = h('p.sheet-hint', {}, 'Drop a picture of text here, choose one, or paste it.');
  sheet.element.append(hint);
  const whole = button('Whole picture', () => sheet.whole(), { icon: 'reset', only: true, testid: 'fonts-whole' });
  const keep = h('input', { type: 'checkbox', 'data-testid': 'fonts-keep', onchange: () => { if (keep.checked && file) identify(); } });
  const drawings = createDrawings();
  const text = field({
    id: 'fonts-text', placeholder: 'each font\u2019s name', maxlength: MAX_TEXT, 'data-testid': 'fonts-text',
    oninput: () => { clearTimeout(timer); timer = setTimeout(redraw, PAUSE); },
    onchange: redraw,
  });
  const nearest = createSpecimens(drawings, { title: 'Nearest fonts', testid: 'fonts-nearest' });
  const classifier = createSpecimens(drawings, { title: 'Classifier', testid: 'fonts-classifier' });
  const all = button('All lines', () => choose(-1), { kind: 'small', testid: 'fonts-all' });
  nearest.heading.after(all);
  const reason = h('p.small');
  const unknown = h('div.unknown-box', { 'data-testid': 'fonts-unknown', hidden: true },
    h('h3', {}, 'Unknown'), h('p', {}, 'This is probably none of the indexed fonts. The nearest ones are:'), reason);
  nearest.list.before(unknown);
  const results = h('div.fonts-lists', { hidden: true }, nearest.element, classifier.element);
  const empty = h('p.soft', {}, 'The nearest fonts appear here.');

  page.append(
    h('h1.hidden', {}, 'Fonts'),
    h('div.fonts-main', {}, sheet.element,
      h('div.row.between', {},
        h('div.row', {}, takePictures(page, { label: 'Picture of text', testid: 'fonts-file', take }), whole),
        h('label.check', {}, keep, 'Save this picture on this computer')),
      status, note, sheet.fields),
    h('section.fonts-side.card', { 'aria-label': 'Fonts' },
      h('div.field', {}, h('label', { for: 'fonts-text' }, 'Sample text'), text),
      empty, results, indexed));

  function redraw() {
    clearTimeout(timer);
    if (text.value.trim() === drawings.text()) return;
    drawings.write(text.value.trim());
    nearest.redraw();
    classifier.redraw();
  }

  /** @param {File} picture */
  function take(picture) {
    file = picture;
    crop = null;
    if (keep.disabled) keep.checked = keep.disabled = false;
    hint.hidden = true;
    sheet.open(picture);
    identify();
  }

  function query() {
    const sides = crop ? Object.fromEntries(['x0', 'y0', 'x1', 'y1'].map((side, i) => [side, crop[i]])) : {};
    return new URLSearchParams({ k: 5, ...sides, keep: keep.checked });
  }

  async function identify() {
    whole.hidden = !crop;
    if (!file) return;
    pending?.abort();
    const controller = pending = new AbortController();
    showText(note, '');
    showText(status, BUSY);
    page.setAttribute('aria-busy', 'true');
    try {
      const response = await request('POST', `api/fonts?${query()}`, { picture: file, signal: controller.signal });
      // A newer request has replaced this one.
      if (controller !== pending) return;
      show(response);
    } catch (error) {
      if (controller !== pending) return;
      clear();
      showText(status, '');
      showText(note, error.message);
    }
    page.removeAttribute('aria-busy');
  }

  function show(response) {
    answer = response;
    sheet.size(answer.width, answer.height);
    sheet.lines(answer.regions.map(({ box, symbols, probability, unknown: isUnknown }, i) => ({
      box,
      label: `Line ${i + 1}: ${isUnknown || !symbols.length ? 'unknown' : `${symbols[0]}, ${percent(probability[0])}`}`,
    })));
    if (answer.kept) keep.disabled = true;
    showText(status, [`${count(answer.regions.length, 'line')} of text. ${HOW}`, answer.kept && `Saved in ${index.folder}.`].filter(Boolean).join(' '));
    classifier.show(answer.classifier, new Set(answer.drawable), `Of the ${index.trained.toLocaleString('en')} fonts it was trained on`);
    choose(-1);
  }

  function clear() {
    answer = null;
    sheet.lines([]);
    results.hidden = true;
    empty.hidden = false;
  }

  /** Shows the fonts of line i, or of the whole picture if i is -1 or already shown. */
  function choose(i) {
    const chosen = i >= 0 && all.dataset.line !== String(i) ? i : -1;
    const fonts = chosen < 0 ? answer : answer.regions[chosen];
    all.dataset.line = String(chosen);
    all.hidden = chosen < 0;
    sheet.mark(chosen);
    nearest.heading.textContent = chosen < 0 ? 'Nearest fonts' : `Line ${chosen + 1} of ${answer.regions.length}`;
    nearest.show(fontsOf(fonts), new Set(answer.drawable), index.fonts ? `Of ${index.fonts.toLocaleString('en')} indexed fonts` : 'Of the fonts it was trained on');
    nearest.list.classList.toggle('not-sure', fonts.unknown);
    unknown.hidden = !fonts.unknown;
    reason.textContent = fonts.reason;
    empty.hidden = true;
    results.hidden = false;
  }

  function showIndex() {
    const command = h('code', {}, 'strokejax fonts index --system');
    if (index.reason) indexed.replaceChildren(index.reason);
    else if (index.fonts) indexed.replaceChildren(`${index.fonts.toLocaleString('en')} fonts are indexed. `, command, ' adds those of this computer.');
    else indexed.replaceChildren('No fonts are indexed yet. To name those of this computer, and to draw them, run ', command, '.');
  }

  async function shown() {
    whole.hidden = !crop;
    try {
      index = await request('GET', 'api/fonts');
      keep.parentElement.title = `Saves the picture in ${index.folder}.`;
      showIndex();
    } catch (error) {
      showText(note, error.message);
    }
  }

  return { shown };
}
