// Asks which way a curve bends.

/** @param {[number, number][]} points */
export async function bendOf(points) {
  const answer = await fetch('api/bends', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ points }),
  });
  return (await answer.json()).bend;
}
