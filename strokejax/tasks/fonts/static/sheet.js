// A picture with the lines that were found in it, and the part that is cut out of it.

import { arrowKeys, h } from '../dom.js';

/** CSS pixels that a pointer moves before it cuts. */
const SLACK = 5;
/** Pixels of the smallest part. */
const LEAST = 4;
const SIDES = ['Left', 'Top', 'Right', 'Bottom'];

/** @typedef {[number, number, number, number]} Box left, top, right, bottom, in pixels */

/**
 * @param {{cut: (box: Box|null) => void, choose: (i: number) => void}} options
 */
export function createSheet({ cut, choose }) {
  let [width, height] = [0, 0];
  /** @type {Box|null} */
  let part = null;
  let boxes = [];
  let url = '';
  /** Where a pointer went down, and whether it cuts. */
  let from = null;
  let moved = false;

  const image = h('img', {
    alt: 'The picture you gave', draggable: 'false',
    onload: () => resize(image.naturalWidth, image.naturalHeight),
    onerror: () => element.classList.add('blind'),
  });
  const frame = h('span.cut', { hidden: true });
  const layer = h('div.boxes', { role: 'group', 'aria-label': 'Lines of text; choose one to see its own fonts' });
  const stage = h('div.stage', { 'data-testid': 'fonts-stage', hidden: true }, image, frame, layer);
  const numbers = SIDES.map((side) => h('input', {
    type: 'number', min: 0, step: 1, id: `cut-${side.toLowerCase()}`, 'data-testid': `fonts-${side.toLowerCase()}`, onchange: typed,
  }));
  const fields = h('details.chooser.cut-fields', { hidden: true },
    h('summary', {}, 'Crop by numbers'),
    h('div.fields', {}, numbers.map((input, i) => h('div.field', {},
      h('label', { for: input.id }, SIDES[i]), input))));
  const element = h('div.sheet', {}, stage);

  function resize(w, h_) {
    [width, height] = [w, h_];
    stage.style.setProperty('--aspect', (w / h_).toFixed(4));
    stage.style.setProperty('--wide', `${w}px`);
    stage.hidden = fields.hidden = false;
    numbers.forEach((input, i) => { input.max = String(i % 2 ? h_ : w); });
    frameAt(part);
  }

  const percents = (style, [x0, y0, x1, y1]) => {
    style.left = `${100 * x0 / width}%`;
    style.top = `${100 * y0 / height}%`;
    style.width = `${100 * (x1 - x0) / width}%`;
    style.height = `${100 * (y1 - y0) / height}%`;
  };

  function frameAt(box) {
    frame.hidden = !box;
    if (box) percents(frame.style, box);
    (box ?? [0, 0, width, height]).forEach((value, i) => { numbers[i].value = String(value); });
  }

  /** Cuts, unless there would be nothing left. @param {Box|null} box */
  function use(box) {
    const fits = !box || (box[2] - box[0] >= LEAST && box[3] - box[1] >= LEAST);
    if (fits) part = box;
    frameAt(part);
    if (fits) cut(part);
  }

  function typed() {
    const [x0, y0, x1, y1] = numbers.map((input, i) => {
      const value = Math.round(Number(input.value) || 0);
      return Math.max(0, Math.min(value, i % 2 ? height : width));
    });
    const whole = !x0 && !y0 && x1 === width && y1 === height;
    use(whole ? null : [x0, y0, x1, y1]);
  }

  function place({ clientX, clientY }) {
    const { left, top, width: wide, height: tall } = stage.getBoundingClientRect();
    const share = (way, size) => Math.max(0, Math.min(way / size, 1));
    return [share(clientX - left, wide) * width, share(clientY - top, tall) * height];
  }

  function between([x0, y0], [x1, y1]) {
    const low = [Math.min(x0, x1), Math.min(y0, y1)].map(Math.floor);
    const high = [Math.max(x0, x1), Math.max(y0, y1)].map(Math.ceil);
    return [...low, ...high];
  }

  stage.addEventListener('pointerdown', (event) => {
    moved = false;
    if (!event.button && event.isPrimary) from = { at: place(event), x: event.clientX, y: event.clientY };
  });
  stage.addEventListener('pointermove', (event) => {
    if (!from || !event.isPrimary) return;
    if (!moved && Math.hypot(event.clientX - from.x, event.clientY - from.y) < SLACK) return;
    if (!moved) stage.setPointerCapture(event.pointerId);
    moved = true;
    frameAt(between(from.at, place(event)));
  });
  stage.addEventListener('pointerup', (event) => {
    if (from && moved) use(between(from.at, place(event)));
    from = null;
  });
  stage.addEventListener('pointercancel', () => {
    from = null;
    frameAt(part);
  });
  // The end of a cut is no click on a line.
  stage.addEventListener('click', (event) => { if (moved) event.stopPropagation(); }, true);
  layer.addEventListener('keydown', (event) => arrowKeys(event, boxes));
  element.addEventListener('keydown', (event) => { if (event.key === 'Escape' && part) use(null); });

  return {
    element, fields,
    /** Another picture, whole. @param {File} file */
    open(file) {
      URL.revokeObjectURL(url);
      url = URL.createObjectURL(file);
      part = null;
      element.classList.remove('blind');
      image.src = url;
      this.lines([]);
    },
    /** Its size as the server says: browsers cannot show every kind of picture. */
    size(w, h_) { if (w !== width || h_ !== height || stage.hidden) resize(w, h_); },
    /** @param {{box: Box, label: string}[]} found */
    lines(found) {
      boxes = found.map(({ box, label }, i) => {
        const made = h('button', { type: 'button', class: 'region', 'aria-label': label, title: label, onclick: () => choose(i) });
        percents(made.style, box);
        return made;
      });
      layer.replaceChildren(...boxes);
      this.mark(-1);
    },
    /** Shows which line is chosen; -1 for none. */
    mark(chosen) {
      boxes.forEach((box, i) => {
        box.setAttribute('aria-pressed', String(i === chosen));
        box.tabIndex = i === Math.max(chosen, 0) ? 0 : -1;
      });
    },
    /** The whole picture again. */
    whole: () => use(null),
  };
}
