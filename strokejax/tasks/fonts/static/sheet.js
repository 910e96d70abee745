// A picture, the lines of text in it, and a crop that the user draws.

import { arrowKeys, h } from '../dom.js';
import { showPicture } from '../pictures.js';

/** CSS pixels that a pointer moves before it draws a crop. */
const SLACK = 5;
/** Smallest side of a crop, in pixels of the picture. */
const MIN_SIDE = 4;
const SIDES = ['Left', 'Top', 'Right', 'Bottom'];

/** @typedef {[number, number, number, number]} Box left, top, right, bottom, in pixels */

/**
 * @param {{cut: (box: Box|null) => void, choose: (i: number) => void}} options called with
 *   the new crop, null for the whole picture, and with the index of a chosen line
 */
export function createSheet({ cut, choose }) {
  let [width, height] = [0, 0];
  /** @type {Box|null} */
  let crop = null;
  let boxes = [];
  /** Where the pointer went down. */
  let start = null;
  /** Whether it has moved far enough to draw a crop. */
  let dragging = false;

  const image = h('img', {
    alt: 'Your picture', draggable: 'false',
    onload: () => resize(image.naturalWidth, image.naturalHeight),
    onerror: () => element.classList.add('blind'),
  });
  const frame = h('span.cut', { hidden: true });
  const layer = h('div.boxes', { role: 'group', 'aria-label': 'Lines of text; choose one to see its fonts' });
  const stage = h('div.stage', { 'data-testid': 'fonts-stage', hidden: true }, image, frame, layer);
  const inputs = SIDES.map((side) => h('input', {
    type: 'number', min: 0, step: 1, id: `cut-${side.toLowerCase()}`, 'data-testid': `fonts-${side.toLowerCase()}`, onchange: readInputs,
  }));
  const fields = h('details.chooser.cut-fields', { hidden: true },
    h('summary', {}, 'Crop by numbers'),
    h('div.fields', {}, inputs.map((input, i) => h('div.field', {},
      h('label', { for: input.id }, SIDES[i]), input))));
  const element = h('div.sheet', {}, stage);

  function resize(newWidth, newHeight) {
    [width, height] = [newWidth, newHeight];
    stage.style.setProperty('--aspect', (width / height).toFixed(4));
    stage.style.setProperty('--wide', `${width}px`);
    stage.hidden = fields.hidden = false;
    inputs.forEach((input, i) => { input.max = String(i % 2 ? height : width); });
    showFrame(crop);
  }

  // Percentages stay right when the stage changes its size.
  function position(style, [x0, y0, x1, y1]) {
    style.left = `${100 * x0 / width}%`;
    style.top = `${100 * y0 / height}%`;
    style.width = `${100 * (x1 - x0) / width}%`;
    style.height = `${100 * (y1 - y0) / height}%`;
  }

  function showFrame(box) {
    frame.hidden = !box;
    if (box) position(frame.style, box);
    (box ?? [0, 0, width, height]).forEach((value, i) => { inputs[i].value = String(value); });
  }

  /** Sets the crop, unless it is too small. @param {Box|null} box */
  function setCrop(box) {
    const valid = !box || (box[2] - box[0] >= MIN_SIDE && box[3] - box[1] >= MIN_SIDE);
    if (valid) crop = box;
    showFrame(crop);
    if (valid) cut(crop);
  }

  function readInputs() {
    const [x0, y0, x1, y1] = inputs.map((input, i) => {
      const value = Math.round(Number(input.value) || 0);
      return Math.max(0, Math.min(value, i % 2 ? height : width));
    });
    const whole = !x0 && !y0 && x1 === width && y1 === height;
    setCrop(whole ? null : [x0, y0, x1, y1]);
  }

  /** The pointer's position in pixels of the picture. */
  function pixel({ clientX, clientY }) {
    const rect = stage.getBoundingClientRect();
    const fraction = (offset, size) => Math.max(0, Math.min(offset / size, 1));
    return [
      fraction(clientX - rect.left, rect.width) * width,
      fraction(clientY - rect.top, rect.height) * height,
    ];
  }

  /** The box of whole pixels between two corners. */
  function boxBetween([x0, y0], [x1, y1]) {
    const low = [Math.min(x0, x1), Math.min(y0, y1)].map(Math.floor);
    const high = [Math.max(x0, x1), Math.max(y0, y1)].map(Math.ceil);
    return [...low, ...high];
  }

  stage.addEventListener('pointerdown', (event) => {
    dragging = false;
    if (!event.button && event.isPrimary) start = { at: pixel(event), x: event.clientX, y: event.clientY };
  });
  stage.addEventListener('pointermove', (event) => {
    if (!start || !event.isPrimary) return;
    if (!dragging && Math.hypot(event.clientX - start.x, event.clientY - start.y) < SLACK) return;
    // Captured now, not on pointerdown, so that clicks still reach the lines.
    if (!dragging) stage.setPointerCapture(event.pointerId);
    dragging = true;
    showFrame(boxBetween(start.at, pixel(event)));
  });
  stage.addEventListener('pointerup', (event) => {
    if (start && dragging) setCrop(boxBetween(start.at, pixel(event)));
    start = null;
  });
  stage.addEventListener('pointercancel', () => {
    start = null;
    showFrame(crop);
  });
  // The click that ends a drag does not choose a line.
  stage.addEventListener('click', (event) => { if (dragging) event.stopPropagation(); }, true);
  layer.addEventListener('keydown', (event) => arrowKeys(event, boxes));
  element.addEventListener('keydown', (event) => { if (event.key === 'Escape' && crop) setCrop(null); });

  return {
    element, fields,
    /** Shows another picture, without a crop. @param {File} file */
    open(file) {
      crop = null;
      element.classList.remove('blind');
      showPicture(image, file);
      this.lines([]);
    },
    /** Sets the size that the server reports: browsers cannot show every picture format. */
    size(newWidth, newHeight) {
      if (newWidth !== width || newHeight !== height || stage.hidden) resize(newWidth, newHeight);
    },
    /** Shows lines of text. @param {{box: Box, label: string}[]} lines */
    lines(lines) {
      boxes = lines.map(({ box, label }, i) => {
        const region = h('button', { type: 'button', class: 'region', 'aria-label': label, title: label, onclick: () => choose(i) });
        position(region.style, box);
        return region;
      });
      layer.replaceChildren(...boxes);
      this.mark(-1);
    },
    /** Marks the chosen line; -1 for none. @param {number} chosen */
    mark(chosen) {
      boxes.forEach((box, i) => {
        box.setAttribute('aria-pressed', String(i === chosen));
        box.tabIndex = i === Math.max(chosen, 0) ? 0 : -1;
      });
    },
    /** Removes the crop. */
    whole: () => setCrop(null),
  };
}
