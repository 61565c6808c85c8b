/** How many single-character edits (insert, delete, replace, swap of neighbours) turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, rows[i - 2]![j - 2]! + 1);
      }
      row.push(best);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

/** Longest word that is compared: what is longer is no typing mistake. */
const MAX_WORD = 40;

/** The candidates that `word` was probably meant to be: up to three, nearest first. */
export function suggestions(word: string, candidates: readonly string[]): string[] {
  if (word.length === 0 || word.length > MAX_WORD) return [];
  const typed = word.toLowerCase();
  const scored: { candidate: string; score: number }[] = [];
  for (const candidate of candidates) {
    const known = candidate.toLowerCase();
    const within = typed.length >= 3 && (known.includes(typed) || typed.includes(known));
    const distance = within ? 1 : editDistance(typed, known);
    if (distance <= Math.max(1, Math.floor(Math.min(typed.length, known.length) / 3))) {
      scored.push({ candidate, score: distance });
    }
  }
  return scored
    .sort((a, b) => a.score - b.score)
    .slice(0, 3)
    .map((entry) => entry.candidate);
}

/** ` (did you mean --port?)`, or nothing. */
export function didYouMean(word: string, candidates: readonly string[], show: (candidate: string) => string): string {
  const near = suggestions(word, candidates).map(show);
  return near.length === 0 ? '' : ` (did you mean ${near.join(' or ')}?)`;
}
