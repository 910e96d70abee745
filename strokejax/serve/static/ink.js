// Ink: line widths, drawing on a canvas, thumbnails.

import { svg } from './dom.js';

/** @typedef {{x: number, y: number, t: number, pressure: number, width: number}} Point */
/** @typedef {{strokes: number[][][]}} Ink */

/** Width of a line at rest, in CSS pixels. */
const WIDTH = 4.6;
/** Share of the way to the new width at each point, so that the width changes smoothly. */
const EASE = 0.35;

/**
 * The width of a line at a point: thinner if the pen is fast, wider under pressure.
 * @param {Point|undefined} before
 * @param {{x: number, y: number, t: number, pressure: number}} point
 * @returns {number} CSS pixels
 */
export function widthAt(before, point) {
  const press = 0.6 + 0.8 * point.pressure;
  if (!before) return 0.8 * WIDTH * press;
  const distance = Math.hypot(point.x - before.x, point.y - before.y);
  const speed = distance / Math.max(point.t - before.t, 1e-3);
  const target = WIDTH * press * (1.2 - 0.65 * speed / (speed + 900));
  return before.width + EASE * (target - before.width);
}

/**
 * Fits a canvas to an element, for drawing in CSS pixels and in the colour of `styled`.
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLElement} element
 * @param {HTMLElement} [styled]
 * @returns {CanvasRenderingContext2D}
 */
export function prepareCanvas(canvas, element, styled = element) {
  const ratio = devicePixelRatio || 1;
  [canvas.width, canvas.height] = [element.clientWidth, element.clientHeight].map((side) => Math.round(side * ratio));
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.strokeStyle = context.fillStyle = getComputedStyle(styled).color;
  return context;
}

/**
 * Draws a stroke, or the part from point `from` on. Quadratic curves through the midpoints of
 * the segments make it smooth.
 * @param {CanvasRenderingContext2D} context
 * @param {Point[]} points
 * @param {number} [from]
 * @param {boolean} [complete] false omits the last half segment: the next point bends it
 */
export function drawStroke(context, points, from = 0, complete = true) {
  context.lineCap = context.lineJoin = 'round';
  const middle = (a, b) => [(a.x + b.x) / 2, (a.y + b.y) / 2];
  if (points.length === 1 || from === 0) {
    context.beginPath();
    context.arc(points[0].x, points[0].y, points[0].width / 2, 0, 7);
    context.fill();
  }
  for (let i = Math.max(1, from); i < points.length; i += 1) {
    const [before, point] = [points[i - 1], points[i]];
    context.beginPath();
    context.lineWidth = (before.width + point.width) / 2;
    context.moveTo(...(i > 1 ? middle(points[i - 2], before) : [before.x, before.y]));
    context.quadraticCurveTo(before.x, before.y, ...middle(before, point));
    if (complete && i === points.length - 1) context.lineTo(point.x, point.y);
    context.stroke();
  }
}

const round = (value, digits) => Number(value.toFixed(digits));

/**
 * Strokes in the format of the server.
 * @param {Point[][]} strokes
 * @returns {Ink}
 */
export function toInk(strokes) {
  return {
    strokes: strokes.map((stroke) =>
      stroke.map(({ x, y, t }) => [round(x, 2), round(y, 2), round(t, 4)])),
  };
}

/**
 * A smooth SVG path of strokes, scaled to fit into a square with its corner at 0, 0.
 * @param {number[][][]} strokes rows of x, y
 * @param {number} size of the square
 * @param {number} margin inside the square
 * @returns {string}
 */
export function pathOf(strokes, size, margin) {
  const points = strokes.flat();
  if (!points.length) return '';
  const [left, top, right, bottom] = points.reduce(([l, t, r, b], [x, y]) =>
    [Math.min(l, x), Math.min(t, y), Math.max(r, x), Math.max(b, y)],
  [Infinity, Infinity, -Infinity, -Infinity]);
  const scale = (size - 2 * margin) / Math.max(right - left, bottom - top, 1e-6);
  const x0 = size / 2 - scale * (left + right) / 2;
  const y0 = size / 2 - scale * (top + bottom) / 2;
  const place = (x, y) => `${round(x0 + scale * x, 1)} ${round(y0 + scale * y, 1)}`;
  return strokes.filter((stroke) => stroke.length).map((stroke) => {
    let path = `M${place(...stroke[0])}`;
    for (let i = 1; i < stroke.length - 1; i += 1) {
      const [[x, y], [nx, ny]] = [stroke[i], stroke[i + 1]];
      path += `Q${place(x, y)} ${place((x + nx) / 2, (y + ny) / 2)}`;
    }
    return `${path}L${place(...stroke.at(-1))}`;
  }).join('');
}

/**
 * A thumbnail of strokes.
 * @param {number[][][]|null|undefined} strokes null gives an empty picture
 * @param {string} [label] for screen readers
 */
export function thumbnail(strokes, label) {
  return svg('svg', {
    class: 'thumbnail', viewBox: '0 0 48 48',
    ...(label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': 'true' }),
  }, svg('path', { d: strokes ? pathOf(strokes, 48, 5) : '' }));
}
