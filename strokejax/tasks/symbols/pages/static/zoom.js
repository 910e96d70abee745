// Zooming and panning of an SVG by wheel, pinch, drag and buttons.

const MAX_SCALE = 12;

/**
 * Calls `changed` with the view {x, y, scale}: it shows a point p at scale * p + (x, y).
 * @param {SVGSVGElement} element
 * @param {(view: {x: number, y: number, scale: number}) => void} changed
 */
export function createZoom(element, changed) {
  const view = { x: 0, y: 0, scale: 1 };
  /** Positions of the pointers that are down, by their ids. */
  const pointers = new Map();
  /** Pixels that they have moved: a click moves little, a drag moves more. */
  let moved = 0;

  const size = () => ({ width: element.clientWidth, height: element.clientHeight });

  function settle() {
    const { width, height } = size();
    view.x = Math.min(0.3 * width, Math.max(0.7 * width - view.scale * width, view.x));
    view.y = Math.min(0.3 * height, Math.max(0.7 * height - view.scale * height, view.y));
    if (view.scale === 1) view.x = view.y = 0;
    changed(view);
  }

  function zoom(factor, x, y) {
    const scale = Math.min(MAX_SCALE, Math.max(1, view.scale * factor));
    view.x = x - (x - view.x) * scale / view.scale;
    view.y = y - (y - view.y) * scale / view.scale;
    view.scale = scale;
    settle();
  }

  const local = (event) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  element.addEventListener('wheel', (event) => {
    event.preventDefault();
    const { x, y } = local(event);
    zoom(Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) / 240), x, y);
  }, { passive: false });

  element.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    pointers.set(event.pointerId, local(event));
    moved = 0;
  });

  element.addEventListener('pointermove', (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const after = local(event);
    const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    pointers.set(event.pointerId, after);
    moved += Math.hypot(after.x - before.x, after.y - before.y);
    if (moved > 4 && !element.hasPointerCapture(event.pointerId)) element.setPointerCapture(event.pointerId);
    if (others.length) {
      const [other] = others;
      const factor = Math.hypot(after.x - other.x, after.y - other.y)
        / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
      zoom(factor, (after.x + other.x) / 2, (after.y + other.y) / 2);
    } else if (moved > 4) {
      view.x += after.x - before.x;
      view.y += after.y - before.y;
      settle();
    }
  });

  for (const name of ['pointerup', 'pointercancel']) {
    element.addEventListener(name, (event) => pointers.delete(event.pointerId));
  }

  return {
    view,
    /** Zooms around the centre. @param {number} factor */
    by(factor) {
      const { width, height } = size();
      zoom(factor, width / 2, height / 2);
    },
    reset() {
      view.scale = 1;
      settle();
    },
    /** Moves the view until it shows a place, in pixels before zooming. @param {{x: number, y: number}} place */
    reveal({ x, y }) {
      const { width, height } = size();
      const [sx, sy] = [view.x + view.scale * x, view.y + view.scale * y];
      if (sx > 24 && sx < width - 24 && sy > 24 && sy < height - 24) return;
      view.x += width / 2 - sx;
      view.y += height / 2 - sy;
      settle();
    },
  };
}
