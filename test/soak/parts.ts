import type { Part } from './part.ts';
import { backupKills } from './parts/backupKills.ts';
import { collectKills } from './parts/collectKills.ts';
import { crashImages } from './parts/crashImages.ts';
import { flips } from './parts/flips.ts';
import { fsyncErrors } from './parts/fsyncErrors.ts';
import { fullDisk, tinyDisk } from './parts/fullDisk.ts';
import { lies } from './parts/lies.ts';
import { losses } from './parts/losses.ts';
import { processKills } from './parts/processKills.ts';
import { reconcileKills } from './parts/reconcileKills.ts';
import { replicaKills } from './parts/replicaKills.ts';
import { restoreKills } from './parts/restoreKills.ts';
import { syncErrorsInKernel } from './parts/syncErrorsInKernel.ts';
import { writers } from './parts/writers.ts';
import { zoneWipe } from './parts/zoneWipe.ts';

export const PARTS: readonly Part[] = [
  backupKills,
  restoreKills,
  collectKills,
  replicaKills,
  reconcileKills,
  fsyncErrors,
  syncErrorsInKernel,
  fullDisk,
  tinyDisk,
  crashImages,
  flips,
  losses,
  zoneWipe,
  lies,
  writers,
  processKills,
];
