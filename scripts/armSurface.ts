import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { resourceProviders } from '../src/api/resourceProviders.ts';
import type { Services } from '../src/api/services.ts';
import { armSurface } from '../src/arm/surface.ts';

export const ARM_SURFACE_FILE = join(import.meta.dirname, '../docs/arm-surface.md');

/** What docs/arm-surface.md must say. Building the tables asks nothing of the services; only their handlers do. */
export const armSurfaceText = (): string => `${armSurface(resourceProviders({} as Services)).trimEnd()}\n`;

if (import.meta.main) writeFileSync(ARM_SURFACE_FILE, armSurfaceText());
