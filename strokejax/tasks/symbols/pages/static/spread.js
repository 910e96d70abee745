// Places of symbols on the map: no two overlap, and the arrow keys move between them.

const MAX_ROUNDS = 80;

/**
 * Moves points apart until all distances are about `gap` or more.
 * @param {{x: number, y: number}[]} points
 * @param {number} gap
 * @returns {{x: number, y: number}[]} the new places
 */
export function spread(points, gap) {
  // A tiny offset separates equal points, which would have no direction to move in.
  const places = points.map(({ x, y }, i) => ({ x: x + 1e-4 * Math.cos(i), y: y + 1e-4 * Math.sin(i) }));
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    let moved = false;
    for (let i = 0; i < places.length; i += 1) {
      for (let j = 0; j < i; j += 1) {
        const [a, b] = [places[i], places[j]];
        const [dx, dy] = [a.x - b.x, a.y - b.y];
        const distance = Math.hypot(dx, dy);
        if (distance >= gap) continue;
        const push = (gap - distance) / (2.5 * distance);
        a.x += dx * push;
        a.y += dy * push;
        b.x -= dx * push;
        b.y -= dy * push;
        moved = true;
      }
    }
    if (!moved) break;
  }
  return places;
}

/**
 * The nearest place in a direction. Distance across the direction counts twice.
 * @param {{x: number, y: number}[]} places
 * @param {number} from index of the start
 * @param {string} key an arrow key
 * @returns {number} index of the place, -1 if there is none
 */
export function towards(places, from, key) {
  const [ux, uy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  let nearest = -1;
  let least = Infinity;
  places.forEach((place, i) => {
    const [dx, dy] = [place.x - places[from].x, place.y - places[from].y];
    const along = dx * ux + dy * uy;
    const across = Math.abs(dx * uy - dy * ux);
    if (i === from || along <= 1e-9 || across > 2 * along) return;
    if (along + 2 * across < least) [nearest, least] = [i, along + 2 * across];
  });
  return nearest;
}
