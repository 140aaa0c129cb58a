import type { WriteStats } from '../../store/leafWriter.ts';

export const noStats = (): WriteStats => ({
  readBytes: 0,
  zeroBytes: 0,
  keptBytes: 0,
  dedupedBytes: 0,
  newBytes: 0,
  storedBytes: 0,
});

const combine = (a: WriteStats, b: WriteStats, sign: 1 | -1): WriteStats => ({
  readBytes: a.readBytes + sign * b.readBytes,
  zeroBytes: a.zeroBytes + sign * b.zeroBytes,
  keptBytes: a.keptBytes + sign * b.keptBytes,
  dedupedBytes: a.dedupedBytes + sign * b.dedupedBytes,
  newBytes: a.newBytes + sign * b.newBytes,
  storedBytes: a.storedBytes + sign * b.storedBytes,
});

export const addStats = (a: WriteStats, b: WriteStats): WriteStats => combine(a, b, 1);
export const subtractStats = (a: WriteStats, b: WriteStats): WriteStats => combine(a, b, -1);
