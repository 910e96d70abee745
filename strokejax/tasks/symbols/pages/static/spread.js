// Places on the map: near where they belong, but not on top of each other.

const ROUNDS = 80;

/**
 * Pushes points apart until they are `gap` apart, or nearly.
 * @param {{x: number, y: number}[]} points
 * @param {number} gap
 * @returns {{x: number, y: number}[]} new places
 */
export function spread(points, gap) {
  const places = points.map(({ x, y }, i) => ({ x: x + 1e-4 * Math.cos(i), y: y + 1e-4 * Math.sin(i) }));
  for (let round = 0; round < ROUNDS; round += 1) {
    let moved = false;
    for (let i = 0; i < places.length; i += 1) {
      for (let j = 0; j < i; j += 1) {
        const [a, b] = [places[i], places[j]];
        const [dx, dy] = [a.x - b.x, a.y - b.y];
        const way = Math.hypot(dx, dy);
        if (way >= gap) continue;
        const push = (gap - way) / (2.5 * way);
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
 * The nearest place in a direction; places off to the side count as further away.
 * @param {{x: number, y: number}[]} places
 * @param {number} from
 * @param {string} key an arrow key
 * @returns {number} -1 where there is none
 */
export function towards(places, from, key) {
  const [ux, uy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  let best = -1;
  let least = Infinity;
  places.forEach((place, i) => {
    const [dx, dy] = [place.x - places[from].x, place.y - places[from].y];
    const along = dx * ux + dy * uy;
    const aside = Math.abs(dx * uy - dy * ux);
    if (i === from || along <= 1e-9 || aside > 2 * along) return;
    if (along + 2 * aside < least) [best, least] = [i, along + 2 * aside];
  });
  return best;
}
