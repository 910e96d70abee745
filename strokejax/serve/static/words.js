// Numbers in words.

/** "3 drawings". @param {number} n @returns {string} */
export const drawings = (n) => `${n} ${n === 1 ? 'drawing' : 'drawings'}`;

/** "12 %", with one digit more where that says more. @param {number} share @returns {string} */
export const percent = (share) => {
  const digits = share >= 0.0005 && share < 0.0095 ? 1 : 0;
  return `${(100 * share).toFixed(digits)}\u00a0%`;
};
